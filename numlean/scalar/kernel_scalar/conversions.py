"""Conversions between storage arrays and floats, integers, encodings, exact values and texts."""

from __future__ import annotations

from decimal import Decimal
from math import copysign
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from numlean.errors import NumleanError, UnavailableError
from numlean.scalar import checks
from numlean.scalar.codec import CodesCodec
from numlean.scalar.exact import Exact, exact_of, to_mpf
from numlean.scalar.flags import Flags
from numlean.scalar.kernel_scalar import elementwise
from numlean.scalar.kernel_scalar.components import Components, check_storage
from numlean.scalar.protocol import Storage
from numlean.scalar.real_numbers import exact_value, integers, real_numbers
from numlean.scalar.rounding_names import rounding_name
from numlean_kernels.ieee.to_integer import integer_name

if TYPE_CHECKING:
    from numlean.scalar.parsing import ParsedNumber


def from_float(s: Components, values: ArrayLike) -> Storage:
    """Round real numbers once: floats of any width, integers, rationals, decimals, mpf."""
    return _entered(s, real_numbers(values, "from_float"))


def to_float(s: Components, x: Storage) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the values as binary64."""
    return s.codec.to_float(check_storage(s, "to_float", x))


def from_int(s: Components, values: ArrayLike) -> Storage:
    """Round integers once."""
    return _entered(s, integers(values, "from_int"))


def _entered(s: Components, numbers: np.ndarray[Any, Any]) -> Storage:
    """Round binary64, int64 or other real numbers once."""
    if numbers.dtype == np.float64:
        return s.target.to_device(s.codec.from_float(numbers))
    if numbers.dtype == np.int64:
        return s.target.to_device(s.codec.from_int(numbers))
    elements = (_element(s, value) for value in numbers.flat)
    return s.target.to_device(s.codec.from_elements(elements, numbers.shape))


def _element(s: Components, value: Any) -> Any:
    if isinstance(value, Decimal):  # whose exponent may be beyond any integer
        return from_string(s, [str(value)])[0]
    exact = exact_value(value, s.codec.precision)
    if exact.is_zero and copysign(1.0, float(value)) < 0:
        return s.codec.from_float(np.array([-0.0]))[0]
    return s.codec.encode(exact)


def to_int(
    s: Components, x: Storage, rounding: str, width: int, saturate: bool, flags: Flags | None
) -> np.ndarray[Any, np.dtype[np.signedinteger[Any]]]:
    """Round the values to integers of 32 or 64 bits."""
    dtype = checks.integer_dtype(width)
    rounding = rounding_name(rounding)
    name, clipped = (integer_name(f"int{width}", rounding, end) for end in ("rule", "saturate"))
    name = name if s.table.get(clipped) is None else clipped
    if s.table.get(name) is None and flags is None:
        z = _integers_of_values(s, x, rounding, dtype)
    else:
        z = elementwise.unary(s, name, x, result=dtype, flags=flags)
    if not saturate:
        ends = np.iinfo(dtype)
        is_nan = elementwise.is_nan(s, x)
        for value in to_exact(s, x[(z == ends.min) | (z == ends.max) | is_nan]):
            checks.to_integer(value, rounding, ends, s.name)
    return z


def _integers_of_values(
    s: Components, x: Storage, rounding: str, dtype: np.dtype[Any]
) -> np.ndarray[Any, np.dtype[np.signedinteger[Any]]]:
    """Return exact values rounded to integers and clipped; 0 for a NaN."""
    least, most = (int(end) for end in (np.iinfo(dtype).min, np.iinfo(dtype).max))

    def integer(value: Any) -> int:
        if value != value:
            return 0
        if not least - 1 < value < most + 1:
            return most if value > 0 else least
        return max(least, min(most, checks.round_to_integer(exact_of(value), rounding)))

    return np.array([integer(v) for v in to_exact(s, x).flat], dtype=dtype).reshape(x.shape)


def from_bits(s: Components, bits: ArrayLike) -> Storage:
    """Take encodings as they are."""
    width, name = _encoding_width(s, "from_bits")
    found = checks.encodings(bits, width, _encoding_dtype(s), name)
    return s.target.to_device(s.codec.from_bits(found))


def to_bits(s: Components, x: Storage) -> np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]:
    """Return the encodings."""
    _encoding_width(s, "to_bits")
    return s.codec.to_bits(check_storage(s, "to_bits", x)).copy()


def from_exact(s: Components, values: ArrayLike) -> Storage:
    """Round exact values once."""
    array = np.asarray(values, dtype=object)
    elements = (s.codec.encode(checks.exact(value)) for value in array.flat)
    return s.target.to_device(s.codec.from_elements(elements, array.shape))


def to_exact(s: Components, x: Storage) -> Storage:
    """Return the exact values, as mpf."""
    x, decode = check_storage(s, "to_exact", x), s.codec.decode
    values = (to_mpf(decode(element)) for element in x.ravel().tolist())
    return np.fromiter(values, dtype=object, count=x.size).reshape(x.shape)


def from_string(s: Components, texts: str | list[str]) -> Storage:
    """Round numbers written in decimal, in hexadecimal or as fractions once."""
    from numlean.scalar.parsing import parse_number

    several = [texts] if isinstance(texts, str) else texts
    if not isinstance(several, list | tuple | np.ndarray):
        raise NumleanError(f"from_string takes a text or a list of texts, not {texts!r:.80}")
    has_format = s.codec.format is not None
    numbers = [parse_number(text, s.codec.precision, has_format=has_format) for text in several]
    elements = (s.codec.encode(number.value) for number in numbers)
    x = s.codec.from_elements(elements, (len(numbers),))
    minus_zero = np.array([number.is_minus_zero for number in numbers], dtype=np.bool_)
    x = s.target.to_device(np.where(minus_zero, elementwise.unary(s, "neg", x), x))
    for k, number in enumerate(numbers):
        if number.nan is not None and not number.nan.is_default:
            x[k : k + 1] = _nan(s, number, several[k])
    return x.reshape(()) if isinstance(texts, str) else x


def _nan(s: Components, number: ParsedNumber, text: str) -> Storage:
    """Return a NaN with a payload, of shape (1,)."""
    assert number.nan is not None
    format = s.codec.format
    bits = number.nan.encoding(format, text)
    sign = format.sign_mask if format is not None and number.negative else 0
    return from_bits(s, [sign | bits])


def from_string_flagged(s: Components, text: str) -> tuple[Storage, int]:
    """Return a number as ``from_string`` does, of shape (), and the flags that this raises."""
    from numlean.scalar.parsing import parse_number

    x = from_string(s, text)
    number = parse_number(text, s.codec.precision, has_format=s.codec.format is not None)
    try:
        _, raised = s.codec.encode_flagged(number.value)
    except NotImplementedError:
        raise UnavailableError(f"from_string of {s.name} keeps no flags") from None
    return x, raised


def to_string(s: Components, x: Storage) -> list[str]:
    """Return the shortest decimals that ``from_string`` converts back to the same numbers."""
    check_storage(s, "to_string", x)
    return [_to_string(s, x.reshape(-1)[k : k + 1]) for k in range(x.size)]


def _to_string(s: Components, x: Storage) -> str:
    from mpmath import isfinite

    from numlean.scalar.decimals import shortest_decimal

    (value,) = to_exact(s, x)
    if value != value:
        return "nan"
    if not isfinite(value) or value == 0:
        is_positive = to_bytes(s, elementwise.unary(s, "abs", x)) == to_bytes(s, x)
        return ("" if is_positive else "-") + ("inf" if value else "0.0")
    bits, exact = to_bytes(s, x), checks.exact(value)
    return shortest_decimal(
        exact,
        lambda text: to_bytes(s, from_string(s, [text])) == bits and _is_near(s, exact, text),
    )


def _is_near(s: Components, value: Exact, text: str) -> bool:
    """Return whether a decimal is within a unit of the last place of a number.

    All decimals beyond the greatest number may be rounded to it, however far off they are.
    """
    from mpmath import libmp

    from numlean.scalar.parsing import parse_number

    format = s.codec.format
    place = max(value.exponent, value.leading_exponent - s.codec.precision)
    if format is not None:
        place = max(value.leading_exponent, format.emin) - format.trailing_bits
    decimal = parse_number(text, s.codec.precision, has_format=format is not None).value
    distance = libmp.mpf_abs(libmp.mpf_sub(decimal, value, 64, "n"))
    return bool(libmp.mpf_le(distance, libmp.mpf_shift(libmp.fone, place)))


def to_bytes(s: Components, x: Storage) -> bytes:
    """Return the elements in C order, as bytes."""
    return s.codec.to_bytes(check_storage(s, "to_bytes", x))


def _encoding_width(s: Components, operation: str) -> tuple[int, str]:
    """Return the number of bits of an encoding, and the name of the format.

    Raises:
        UnavailableError: Numbers have no encodings.
    """
    if s.codec.format is not None:
        return s.codec.format.width, s.codec.format.name
    if isinstance(s.codec, CodesCodec):
        return s.codec.code_width, s.name
    raise UnavailableError(
        f"{operation}: numbers of {s.name} have no encoding; to_exact gives their values"
    )


def _encoding_dtype(s: Components) -> np.dtype[Any]:
    return s.codec.storage_dtype if s.codec.format is None else s.codec.format.storage_dtype
