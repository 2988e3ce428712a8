"""Checks of the values that are converted to a Scalar's numbers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from numlean.arguments import describe_value
from numlean.errors import NumleanError, StorageError
from numlean.scalar.exact import Exact, exact_of, is_mpf
from numlean.scalar.rounding_names import rounding_name

_MPMATH_ROUNDINGS: Final = {
    "ties_to_even": "n",
    "toward_zero": "d",
    "toward_positive": "c",
    "toward_negative": "f",
}


def as_mask(condition: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return a condition, if it is an array of truth values.

    Raises:
        NumleanError: It is not.
    """
    is_array = isinstance(condition, np.ndarray)
    array = condition if is_array else np.array(condition, dtype=object)
    if not is_array and all(isinstance(value, bool | np.bool_) for value in array.flat):
        array = array.astype(np.bool_)
    if array.dtype != np.bool_:
        raise NumleanError(
            "a condition is an array of truth values, such as a < b; got"
            f" {describe_value(condition)}"
        )
    return array


def encodings(
    bits: ArrayLike, width: int, dtype: np.dtype[Any], name: str, *, taker: str = "from_bits"
) -> np.ndarray[Any, Any]:
    """Return integers as encodings of a width, in arrays of a dtype; ``taker`` is for errors.

    Raises:
        StorageError: An element is not an integer of that width.
    """
    # numpy would make a list with integers beyond int64 an array of floats.
    array = bits if isinstance(bits, np.ndarray) else np.asarray(bits, dtype=object)
    for element in _extrema(array) if array.dtype.kind in "iu" else array.flat:
        if not isinstance(element, int | np.integer) or not 0 <= element < 1 << width:
            raise StorageError(
                f"{taker} takes integers of {width} bits, the encodings of {name}; got {element!r}"
            )
    return array.astype(dtype)


def exact(value: Any) -> Exact:
    """Return the exact value of an mpf or an integer.

    Raises:
        NumleanError: The value is neither.
    """
    from mpmath import libmp

    if isinstance(value, int | np.integer):
        return libmp.from_int(int(value))  # type: ignore[no-any-return]
    if not is_mpf(value):
        raise NumleanError(f"from_exact takes mpmath.mpf and integers, not {value!r}")
    return exact_of(value)


def integer_dtype(width: int) -> np.dtype[Any]:
    """Return the dtype of signed integers of a width.

    Raises:
        NumleanError: The width is neither 32 nor 64.
    """
    if width not in (32, 64):
        raise NumleanError(f"to_int gives integers of 32 or 64 bits, not {width}")
    return np.dtype(f"int{width}")


def to_integer(value: Any, rounding: str, ends: Any, name: str) -> int:
    """Round an mpf to an integer between two ends.

    Raises:
        NumleanError: The integer is out of range.
    """
    # Compared before it is converted: an mpf may have more digits than there is memory.
    if int(ends.min) - 1 < value < int(ends.max) + 1:
        integer = round_to_integer(exact_of(value), rounding)
        if ends.min <= integer <= ends.max:
            return integer
    raise NumleanError(
        f"to_int: {value} ({name}) is out of range for {ends.dtype}; pass saturate=True to clip"
    )


def round_to_integer(value: Exact, rounding: str) -> int:
    """Round a finite value to an integer in a direction.

    Raises:
        UnknownNameError: The direction is unknown.
    """
    from mpmath import libmp

    rounding = rounding_name(rounding)
    sign, significand, exponent, bits = value
    if significand and exponent + bits < -1:
        value = Exact(
            sign, 1, -3, 1
        )  # below a quarter in magnitude: its exponent may be of any size
    below = int(libmp.to_int(value, "f"))
    if rounding == "ties_to_away":
        doubled = abs(int(libmp.to_int(libmp.mpf_shift(value, 1), "d")))
        return (doubled + 1) // 2 * (-1 if value[0] else 1)
    if rounding == "away_from_zero":
        return int(libmp.to_int(value, "u"))
    if rounding == "to_odd":
        return below if below % 2 else int(libmp.to_int(value, "c"))
    return int(libmp.to_int(value, _MPMATH_ROUNDINGS[rounding]))


def _extrema(array: np.ndarray[Any, Any]) -> list[int]:
    return [int(array.min()), int(array.max())] if array.size else []
