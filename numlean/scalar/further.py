"""Operations of IEEE 754-2019 that the Scalar protocol does not have, for every Scalar.

A ``KernelScalar`` whose table has an operation computes it by a kernel. Others, also wrappers,
compute it from operations of the protocol, with the same numbers. So a Scalar written by hand has
those for which it has ``minimum``, ``rem`` and the like, and a wrapper's ``around`` sees each step.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.scalar.checks import round_to_integer
from numlean.scalar.conversion import Conversion
from numlean.scalar.exact import exact_of
from numlean.scalar.finiteness import is_nan
from numlean.scalar.innermost import innermost
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.rounding_names import rounding_name
from numlean_kernels.flags import INVALID
from numlean_kernels.ieee.to_integer import Beyond, integer_name

INTEGERS: Final = tuple(f"{kind}{width}" for kind in ("int", "uint") for width in (8, 16, 32, 64))
"""The dtypes of integers to which numbers are converted."""

REFUSE: Final = "refuse"
BEYOND: Final = (REFUSE, *(each.value for each in Beyond))
"""The choices for values that are not in the range of integers."""

_SHOWN: Final = 3
_LONGEST: Final = 64

Integers = np.ndarray[Any, np.dtype[np.integer]]


def compute(scalar: Scalar, name: str, *operands: Storage) -> Storage:
    """Return an operation of ``ARITIES``, by its name.

    Raises:
        UnavailableError: The Scalar lacks an operation that it needs.
    """
    if isinstance(scalar, KernelScalar) and scalar.table.get(name) is not None:
        return scalar.apply(name, *operands)
    return _FALLBACKS[name](scalar, *operands)


def flagged(scalar: Scalar, name: str, *operands: Any) -> tuple[Any, Any]:
    """Return an operation's results and the flags of each element, as bits of an integer.

    Raises:
        UnavailableError: The Scalar keeps no flags of the operation, or rounds at random.
    """
    inner = innermost(scalar)
    if not scalar.is_deterministic or not isinstance(inner, KernelScalar):
        raise UnavailableError(
            f"{scalar.name} keeps no flags of single elements; emulated dtypes that round in a"
            " direction do, such as ieee32exec"
        )
    return inner.flagged(name, *operands)


def cast_flagged(
    scalar: Scalar, source: Scalar, x: Storage, conversion: Conversion
) -> tuple[Storage, np.ndarray[Any, np.dtype[np.uint8]]]:
    """Return numbers of another Scalar as ``cast_from`` does, and the flags of each as bits.

    A wrapper's Scalar converts without the wrapper.

    Raises:
        UnavailableError: The Scalar keeps no flags of conversions.
    """
    inner: Any = scalar
    while not hasattr(inner, "cast_flagged"):
        if not hasattr(inner, "inner"):
            raise UnavailableError(f"{scalar.name} keeps no flags of single conversions")
        inner = inner.inner
    z, raised = inner.cast_flagged(source, x, **conversion.options())
    return z, raised


def to_integers(
    scalar: Scalar, x: Storage, dtype: str, rounding: str = "toward_zero", beyond: str = REFUSE
) -> Integers:
    """Return numbers as integers of 8 to 64 bits, signed or unsigned (clause 5.8).

    Args:
        scalar: The Scalar of the numbers.
        x: The numbers.
        dtype: One of ``INTEGERS``.
        rounding: The direction.
        beyond: For values that are not in the range: ``refuse`` raises an error, ``saturate`` gives
            the nearest limit and 0 for a NaN, ``wrap`` the value modulo 2**width and 0 for a NaN
            and for infinities, and ``rule`` what processors of the NaN rule give.

    Raises:
        UnknownNameError: There is no such dtype, direction or choice.
        NumleanError: A value is not in the range, and is refused.
    """
    if dtype not in INTEGERS:
        raise UnknownNameError("integer dtype", str(dtype), INTEGERS)
    if beyond not in BEYOND:
        raise UnknownNameError("choice for values out of range", str(beyond), BEYOND)
    rounding = rounding_name(rounding)
    name = integer_name(dtype, rounding, Beyond.SATURATE.value if beyond == REFUSE else beyond)
    if not isinstance(scalar, KernelScalar) or scalar.table.get(name) is None:
        return _from_exact_values(scalar, x, np.dtype(dtype), rounding, beyond)
    if beyond != REFUSE or scalar.table.get(f"flagged {name}") is None:
        z: Integers = scalar.apply(name, x)
        if beyond == REFUSE:
            _from_exact_values(scalar, x, np.dtype(dtype), rounding, beyond)
        return z
    z, raised = scalar.flagged(name, x)
    _check_range(scalar, x, dtype, (raised & INVALID) != 0)
    return z


def _from_exact_values(
    scalar: Scalar, x: Storage, dtype: np.dtype[Any], rounding: str, beyond: str
) -> Integers:
    found = [_integer(value, dtype, rounding, beyond) for value in scalar.to_exact(x).flat]
    outside = np.array([n is None for n in found], dtype=np.bool_).reshape(x.shape)
    _check_range(scalar, x, dtype.name, outside)
    return np.array([0 if n is None else n for n in found], dtype=dtype).reshape(x.shape)


def _integer(value: Any, dtype: np.dtype[Any], rounding: str, beyond: str) -> int | None:
    """Return the integer of an mpf; None if it is refused."""
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    if least - 1 < value < most + 1:
        n = round_to_integer(exact_of(value), rounding)
        if least <= n <= most:
            return n
    if beyond == REFUSE:
        return None
    exact = exact_of(value)
    if beyond == Beyond.WRAP.value:
        is_multiple = not exact.is_finite or exact.exponent >= _LONGEST
        n = 0 if is_multiple else round_to_integer(exact, rounding)
        return (n - least) % (most - least + 1) + least
    if value != value:
        return 0
    return least if value < 0 else most


def _check_range(scalar: Scalar, x: Storage, dtype: str, outside: Any) -> None:
    if not outside.any():
        return
    beyond = x[outside].reshape(-1)
    texts = [scalar.to_string(beyond[k : k + 1])[0] for k in range(min(_SHOWN, beyond.size))]
    more = f" and {beyond.size - _SHOWN} more" if beyond.size > _SHOWN else ""
    raise NumleanError(
        f"{', '.join(texts)}{more} ({scalar.name}): out of range for {dtype}; pass"
        " beyond='saturate' or beyond='wrap'"
    )


def _extremum(name: str, scalar: Scalar, x: Storage, y: Storage) -> Storage:
    """Return minimum, maximum, or that of magnitudes."""
    usual: Callable[..., Storage] = getattr(scalar, name.removesuffix("_magnitude"))
    z = usual(x, y)
    if not name.endswith("_magnitude"):
        return z
    size_x, size_y = scalar.abs(x), scalar.abs(y)
    first, second = scalar.lt(size_x, size_y), scalar.lt(size_y, size_x)
    if name.startswith("max"):
        first, second = second, first
    return scalar.where(first, x, scalar.where(second, y, z))


def _number(name: str, scalar: Scalar, x: Storage, y: Storage) -> Storage:
    """Return an extremum, or the only operand that is a number."""
    z = _extremum(name, scalar, x, y)
    nan_x, nan_y = is_nan(scalar, x), is_nan(scalar, y)
    return scalar.where(nan_x & ~nan_y, y, scalar.where(nan_y & ~nan_x, x, z))


def _fmod(scalar: Scalar, x: Storage, y: Storage) -> Storage:
    """Return the remainder of the nearest quotient, or that plus y with the sign of x: exact."""
    rest, zero = scalar.rem(x, y), scalar.from_float(np.zeros(1))
    below, above = partial(scalar.lt, y=zero), partial(scalar.lt, zero)
    opposed = (below(x) & above(rest)) | (above(x) & below(rest))
    shifted = scalar.add(rest, scalar.copy_sign(y, x))
    return scalar.where(opposed, shifted, rest)


def _next_after(scalar: Scalar, x: Storage, y: Storage) -> Storage:
    up, down = scalar.lt(x, y), scalar.lt(y, x)
    z = scalar.where(up, scalar.next_up(x), scalar.where(down, scalar.next_down(x), y))
    unordered = is_nan(scalar, x) | is_nan(scalar, y)
    return scalar.where(unordered, scalar.minimum(x, y), z)


def _integral(rounding: str, scalar: Scalar, x: Storage) -> Storage:
    return scalar.round_to_integral(x, rounding)


_EXTREMA: Final = ("minimum", "maximum", "minimum_magnitude", "maximum_magnitude")
_FALLBACKS: Final[dict[str, Callable[..., Storage]]] = {
    **{name: partial(_extremum, name) for name in _EXTREMA[2:]},
    **{f"{name}_number": partial(_number, name) for name in _EXTREMA},
    "fmod": _fmod,
    "next_after": _next_after,
}

ARITIES: Final = dict.fromkeys(_FALLBACKS, 2)
"""The operations and their numbers of operands."""
