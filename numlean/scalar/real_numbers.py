"""Numbers of Python and numpy, unrounded, on their way into a Scalar.

Arrays of binary64 and of int64 are converted fastest. So numbers enter as binary64 if all have
exact values there, else as int64 if all are such integers, else one by one as exact values.
"""

from __future__ import annotations

from fractions import Fraction
from numbers import Rational
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from numlean.errors import NumleanError
from numlean.scalar.exact import Exact, exact_of, from_float, is_mpf, with_sticky_bit

Array: TypeAlias = np.ndarray[Any, Any]

_WHOLE: Final = 1 << 53
"""All integers up to this magnitude are numbers of binary64."""
_INT64: Final = np.iinfo(np.int64)
_INTEGERS: Final = (int, np.integer, np.bool_)
_REALS: Final = (*_INTEGERS, Rational)


def as_array(values: ArrayLike, operation: str) -> Array:
    """Return values as an array, of objects where numpy would round one.

    Raises:
        NumleanError: They are not an array of one shape.
    """
    try:
        try:
            array = np.asarray(values)
        except OverflowError:
            return _as_objects(values)
        # In a list, numpy rounds integers to floats if they are next to one, or beyond int64.
        if array.dtype.kind == "f" and not hasattr(values, "dtype"):
            with np.errstate(invalid="ignore"):
                is_large = np.any(np.abs(array) >= _WHOLE)
            return _as_objects(values) if is_large else array
    except (TypeError, ValueError) as error:
        raise NumleanError(f"{operation} takes numbers in an array of one shape: {error}") from None
    return array


def real_numbers(values: ArrayLike, operation: str) -> Array:
    """Return numbers as an array of binary64, of int64, or of objects.

    The objects are decimals, and what :func:`exact_value` takes.

    Raises:
        NumleanError: A value is not a real number.
    """
    array = as_array(values, operation)
    if array.dtype.kind in "iu":
        is_exact = not array.size or -_WHOLE <= array.min() <= array.max() <= _WHOLE
        return array.astype(np.float64) if is_exact else _as_int64(array)
    if array.dtype == np.longdouble and array.dtype.itemsize > np.float64().itemsize:
        with np.errstate(over="ignore", under="ignore"):
            narrow = array.astype(np.float64)
        is_exact = np.all((narrow == array) | np.isnan(array))
        return narrow if is_exact else array.astype(object)
    if not array.dtype.hasobject:
        try:
            # Exact: the formats are narrower.
            return array.astype(np.float64, casting="same_kind", copy=False)
        except TypeError:
            hint = "; from_string takes texts" if array.dtype.kind == "U" else ""
            raise NumleanError(
                f"{operation} takes real numbers, got an array of {array.dtype}{hint}"
            ) from None
    for value in array.flat:
        if not _is_real(value):
            shown = " ".join(repr(value).split())
            raise NumleanError(f"{operation} takes real numbers, got {shown:.80}")
    return array.astype(np.float64) if all(map(is_binary64, array.flat)) else array


def integers(values: ArrayLike, operation: str) -> Array:
    """Return integers as an array of int64.

    Raises:
        NumleanError: A value is not an integer, or beyond int64.
    """
    array = as_array(values, operation)
    if not array.size and not hasattr(values, "dtype"):
        return array.astype(np.int64)  # numpy gives an empty list the dtype float64
    if array.dtype.kind not in "biuO":
        raise NumleanError(f"{operation} takes integers, got an array of {array.dtype}")
    for value in array.flat if array.dtype.hasobject else ():
        if not isinstance(value, _INTEGERS):
            raise NumleanError(f"{operation} takes integers, got {value!r}")
    whole = _as_int64(array)
    if whole.dtype.hasobject:
        beyond = next(n for n in whole.flat if not _INT64.min <= n <= _INT64.max)
        raise NumleanError(f"{operation} takes integers within int64, got {beyond}")
    return whole


def exact_value(value: Any, precision: int) -> Exact:
    """Return the value of an integer, a float of any width, a rational or an mpf; -0 becomes 0.

    If it is a quotient of more than ``precision`` bits, it is cut to more bits than that, the last
    of which is sticky, so rounding it gives the rounded quotient.
    """
    if is_mpf(value):
        return exact_of(value)
    if isinstance(value, _INTEGERS):
        return with_sticky_bit(Fraction(int(value)), precision)
    if isinstance(value, Rational):
        return with_sticky_bit(Fraction(int(value.numerator), int(value.denominator)), precision)
    try:
        n, d = value.as_integer_ratio()
    except (OverflowError, ValueError):  # an infinity or a NaN
        return from_float(float(value))
    return with_sticky_bit(Fraction(int(n), int(d)), precision)


def is_binary64(value: Any) -> bool:
    """Return whether binary64 has the exact value of a number."""
    number = int(value) if isinstance(value, _INTEGERS) else value
    try:
        return bool(number != number or float(number) == number)
    except ArithmeticError:  # beyond the range, or a signalling NaN of decimal
        return False


def _as_objects(values: ArrayLike) -> Array:
    """Return nested lists as an array of Python's and numpy's numbers."""
    objects = np.asarray(values, dtype=object)
    for place, value in np.ndenumerate(objects):
        if hasattr(value, "item"):  # a single number of another library
            objects[place] = value.item()
    return objects


def _as_int64(array: Array) -> Array:
    if array.dtype.kind == "u" or array.dtype.hasobject:
        numbers = [int(value) for value in array.flat]
        if not all(_INT64.min <= n <= _INT64.max for n in numbers):
            return np.fromiter(numbers, dtype=object, count=array.size).reshape(array.shape)
    return array.astype(np.int64)


def _is_real(value: Any) -> bool:
    return isinstance(value, _REALS) or is_mpf(value) or hasattr(value, "as_integer_ratio")
