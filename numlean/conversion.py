"""What a Scalar is given, checked, before it becomes storage."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from numlean.codec import Exact
from numlean.errors import NumleanError, StorageError
from numlean_kernels.formats import Format

_INT64: Final = np.iinfo(np.int64)


def as_dtype(values: ArrayLike, dtype: type, operation: str) -> np.ndarray[Any, Any]:
    """Values as an array of binary64 or int64, none of them changed in kind.

    Raises:
        NumleanError: They are no such numbers.
    """
    try:
        array = np.asarray(values)
        if dtype is np.float64 and _holds_integers(array):
            return array.astype(dtype)  # rounded once, whatever their size
        if array.dtype.kind == "u" and array.size and array.max() > _INT64.max:
            raise ValueError(f"{array.max()} is beyond int64")
        return array.astype(dtype, casting="same_kind")
    except (TypeError, ValueError, OverflowError) as error:
        raise NumleanError(f"{operation} takes {np.dtype(dtype)} values: {error}") from None


def encodings(bits: ArrayLike, format: Format) -> np.ndarray[Any, Any]:
    """Integers as encodings of a format.

    Raises:
        StorageError: One is no integer of the format's width.
    """
    # numpy would make a list with integers beyond int64 an array of floats.
    array = bits if isinstance(bits, np.ndarray) else np.asarray(bits, dtype=object)
    for element in _extrema(array) if array.dtype.kind in "iu" else array.flat:
        if not isinstance(element, int | np.integer) or not 0 <= element < 1 << format.width:
            raise StorageError(
                f"from_bits takes integers of {format.width} bits, the encodings of"
                f" {format.name}; got {element!r}"
            )
    return array.astype(format.storage_dtype)


def exact(value: Any) -> Exact:
    """An mpf or an integer, as mpmath's kernel holds it.

    Raises:
        NumleanError: It is neither.
    """
    from mpmath import libmp

    if isinstance(value, int | np.integer):
        return libmp.from_int(int(value))  # type: ignore[no-any-return]
    if not hasattr(value, "_mpf_"):
        raise NumleanError(f"from_exact takes mpmath.mpf and integers, not {value!r}")
    return value._mpf_  # type: ignore[no-any-return]


def truncated(value: Any, name: str) -> int:
    """An mpf truncated toward zero.

    Raises:
        NumleanError: The result is no int64.
    """
    # Compared before it is converted: an mpf may have more digits than there is memory.
    if not int(_INT64.min) - 1 < value < int(_INT64.max) + 1:
        raise NumleanError(f"to_int: {value} of {name} is no int64")
    return int(value)


def _holds_integers(array: np.ndarray[Any, Any]) -> bool:
    is_object = array.dtype.hasobject
    return array.dtype.kind in "iu" or (is_object and all(isinstance(v, int) for v in array.flat))


def _extrema(array: np.ndarray[Any, Any]) -> list[int]:
    return [int(array.min()), int(array.max())] if array.size else []
