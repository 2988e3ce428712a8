"""Operations of IEEE 754-2019 on tensors beyond those of ``nl.ops``, and the flags of elements.

``nl.ieee754.minimum_number(x, y)``, ``fmod``, ``nextafter``, ``rint``, ``to_integers(x, "uint8")``,
``flagged("add", x, y)``: with numpy's names where numpy has them. Every Scalar has them; see
:mod:`numlean.scalar.further`. None has a gradient, so a tensor that a tape watches is refused:
``x.detach()`` is not watched.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean.arguments import checked, describe_value
from numlean.autograd import numpy_functions
from numlean.autograd.tensor import Operand, Tensor
from numlean.errors import MixedScalarError, NumleanError
from numlean.scalar import further
from numlean.scalar.conversion import Conversion
from numlean.scalar.identity import name_both
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import scalar_on
from numlean.scalar.rounding_names import rounding_name
from numlean.scalar.shapes import broadcast

__all__ = [
    "cast_flagged",
    "ceil",
    "flagged",
    "floor",
    "fmax",
    "fmin",
    "fmod",
    "maximum_magnitude",
    "maximum_magnitude_number",
    "maximum_number",
    "minimum_magnitude",
    "minimum_magnitude_number",
    "minimum_number",
    "nextafter",
    "rint",
    "round_to_integral",
    "to_integers",
    "trunc",
]


@checked
def minimum_number(x: Operand, y: Operand) -> Tensor:
    """Return the lesser number; one NaN, also a signalling one, gives the other operand (9.6)."""
    return _binary("minimum_number", x, y)


@checked
def maximum_number(x: Operand, y: Operand) -> Tensor:
    """Return the greater number; one NaN, also a signalling one, gives the other operand (9.6)."""
    return _binary("maximum_number", x, y)


fmin, fmax = minimum_number, maximum_number


@checked
def minimum_magnitude(x: Operand, y: Operand) -> Tensor:
    """Return the number nearer to zero, the lesser of two equally near; a NaN propagates (9.6)."""
    return _binary("minimum_magnitude", x, y)


@checked
def maximum_magnitude(x: Operand, y: Operand) -> Tensor:
    """Return the number farther from zero, the greater of equal ones; a NaN propagates (9.6)."""
    return _binary("maximum_magnitude", x, y)


@checked
def minimum_magnitude_number(x: Operand, y: Operand) -> Tensor:
    """Return ``minimum_magnitude``; one NaN gives the other operand (9.6)."""
    return _binary("minimum_magnitude_number", x, y)


@checked
def maximum_magnitude_number(x: Operand, y: Operand) -> Tensor:
    """Return ``maximum_magnitude``; one NaN gives the other operand (9.6)."""
    return _binary("maximum_magnitude_number", x, y)


@checked
def fmod(x: Operand, y: Operand) -> Tensor:
    """Return x - y*n, n being x/y cut to an integer: exact, with the sign of x, as C's fmod."""
    return _binary("fmod", x, y)


@checked
def nextafter(x: Operand, y: Operand) -> Tensor:
    """Return the neighbour of x toward y; y where they are equal (nextUp and nextDown of 5.3.1)."""
    return _binary("next_after", x, y)


@checked
def round_to_integral(x: Tensor, rounding: str | None = None) -> Tensor:
    """Return the nearest integers in a direction (5.3.1); by default in the Scalar's own."""
    scalar, (a,) = _operands((x,))
    direction = None if rounding is None else rounding_name(rounding)
    return Tensor(scalar, scalar.round_to_integral(a, direction))


@checked
def rint(x: Tensor) -> Tensor:
    """Return the nearest integers, ties to even (roundToIntegralTiesToEven)."""
    return round_to_integral(x, "ties_to_even")


@checked
def trunc(x: Tensor) -> Tensor:
    """Return the integers toward zero (roundToIntegralTowardZero)."""
    return round_to_integral(x, "toward_zero")


@checked
def floor(x: Tensor) -> Tensor:
    """Return the greatest integers that are not above (roundToIntegralTowardNegative)."""
    return round_to_integral(x, "toward_negative")


@checked
def ceil(x: Tensor) -> Tensor:
    """Return the least integers that are not below (roundToIntegralTowardPositive)."""
    return round_to_integral(x, "toward_positive")


@checked
def to_integers(
    x: Tensor, dtype: str, rounding: str = "toward_zero", *, beyond: str = "refuse"
) -> np.ndarray[Any, np.dtype[np.integer]]:
    """Return the numbers as integers of 8 to 64 bits, ``int8`` to ``uint64`` (5.8).

    Args:
        x: The numbers.
        dtype: The integers.
        rounding: The direction.
        beyond: For NaNs and values out of range: ``refuse`` raises an error; ``saturate`` gives the
            nearest limit, and 0 for a NaN; ``wrap`` gives the value modulo 2**width, and 0 for a
            NaN or an infinity; ``rule`` gives what processors of the NaN rule do.

    Raises:
        NumleanError: A value is refused, or a name is unknown.
    """
    scalar, (a,) = _operands((x,))
    return further.to_integers(scalar, a, dtype, rounding, beyond)


@checked
def flagged(
    name: str, *operands: Operand
) -> tuple[Tensor | np.ndarray[Any, Any], np.ndarray[Any, np.dtype[np.uint8]]]:
    """Return an operation's results and, in an array next to them, the flags of each element.

    Flags are bits: inexact 1, underflow 2, overflow 4, divide by zero 8, invalid 16.

    Args:
        name: The operation: an elementwise one of the Scalar such as ``add``, ``exp`` or ``lt``;
            ``minimum_number`` and the like, ``fmod``, ``next_after``; ``signalling_lt``, ``_le``,
            ``_eq`` and ``_compare``, which any NaN makes invalid (5.6.1);
            ``round_to_integral toward_zero`` and ``round_to_integral_exact toward_zero``, of which
            the second raises inexact; ``to_uint8 toward_zero`` with ``saturate`` or ``wrap``.
        operands: Tensors, or numbers for all but one of them.

    Returns:
        A tensor, or an array of integers or truth values; and an array of uint8.

    Raises:
        UnavailableError: The arithmetic has no flags of the operation.
    """
    scalar, arrays = _operands(operands)
    z, raised = further.flagged(scalar, name, *arrays)
    is_number = z.dtype == scalar.storage_dtype and not name.startswith("to_")
    return (Tensor(scalar, z) if is_number else z), raised


@checked
def cast_flagged(
    x: Tensor,
    dtype: Scalar | str,
    *,
    rounding: str | None = None,
    overflow: str | None = None,
    seed: int | None = None,
) -> tuple[Tensor, np.ndarray[Any, np.dtype[np.uint8]]]:
    """Return what ``nl.cast`` returns and, in an array next to it, the flags of each element.

    Flags are bits as in ``flagged``. Every arithmetic of numlean has flags of conversions, also
    those whose operations have none, such as float32 and posits.

    Args:
        x: The numbers.
        dtype: The arithmetic of the result, or its dtype.
        rounding: The rounding in place of the arithmetic's, as in ``nl.cast``.
        overflow: The overflow in place of the arithmetic's, as in ``nl.cast``.
        seed: The seed of a stochastic rounding.

    Raises:
        NumleanError: A choice is unknown, or the arithmetic lacks it.
        UnavailableError: A Scalar written by hand keeps no flags of conversions.
    """
    scalar, (a,) = _operands((x,))
    conversion = Conversion.of(rounding, overflow, seed)
    to = scalar_on(dtype, scalar.device) if isinstance(dtype, str) else dtype
    z, raised = further.cast_flagged(to, scalar, a, conversion)
    return Tensor(to, z), raised


def _binary(name: str, x: Operand, y: Operand) -> Tensor:
    scalar, (a, b) = _operands((x, y))
    return Tensor(scalar, further.compute(scalar, name, *broadcast(name, (a, b))))


def _operands(operands: tuple[Operand, ...]) -> tuple[Scalar, tuple[Storage, ...]]:
    """Return the Scalar and the arrays of operands, of which one at least is a tensor."""
    tensors = [x for x in operands if isinstance(x, Tensor)]
    if not tensors:
        raise NumleanError(f"one operand at least must be a Tensor; got {describe_value(operands)}")
    scalar = tensors[0].scalar
    for x in tensors:
        if x.tape is not None:
            raise NumleanError(
                "operations of nl.ieee754 have no gradient; pass x.detach() for a watched tensor"
            )
        if x.scalar != scalar:
            raise MixedScalarError(
                f"operands are of one Scalar, not {name_both(scalar, x.scalar)}; cast one with"
                " nl.cast(x, dtype)"
            )
    arrays = (x if isinstance(x, Tensor) else Tensor.of(scalar, x) for x in operands)
    return scalar, tuple(x.data for x in arrays)


numpy_functions.add_functions(
    {
        "fmin": fmin,
        "fmax": fmax,
        "fmod": fmod,
        "nextafter": nextafter,
        "rint": rint,
        "trunc": trunc,
        "floor": floor,
        "ceil": ceil,
    }
)
