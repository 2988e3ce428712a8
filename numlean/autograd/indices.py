"""Whole numbers that serve as indices: of elements, classes, tokens.

They are not numbers of an arithmetic: nothing rounds them, and only ``take`` and similar operations
use them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast, final

import numpy as np

from numlean.errors import DataError
from numlean.scalar.real_numbers import as_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from numlean.scalar.protocol import Scalar

_MOST: Final = np.iinfo(np.int64).max


@final
class IndexDomain:
    """The stand-in for a Scalar in tensors that hold indices."""

    name = "indices"
    device = "any"
    format = None
    storage_dtype = np.dtype(np.int64)

    def from_float(self, values: ArrayLike) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return whole numbers unchanged.

        Raises:
            DataError: One is not whole, or negative.
        """
        array = as_array(values, "indices")
        if array.dtype.kind not in "biufO":
            raise DataError(f"an index must be an integer from 0 on, got an array of {array.dtype}")
        if array.dtype.hasobject:
            wrong = [value for value in array.flat if not _is_index(value)]
        else:
            with np.errstate(invalid="ignore"):
                whole = array.astype(np.int64)
            wrong = array[(whole != array) | (whole < 0)].tolist()
        if wrong:
            raise DataError(f"an index must be an integer from 0 on, got {wrong[0]!r:.40}")
        return array.astype(np.int64)

    def to_float(
        self, x: np.ndarray[Any, np.dtype[np.int64]]
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the whole numbers as binary64."""
        return x.astype(np.float64)

    def to_string(self, x: np.ndarray[Any, np.dtype[np.int64]]) -> list[str]:
        """Return the whole numbers as decimals."""
        return [str(value) for value in x.flat]

    def copy(self, x: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the elements of a view in C order."""
        return np.array(x, order="C")

    def argmax(
        self, x: np.ndarray[Any, np.dtype[np.int64]], axis: int = -1
    ) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the index of the first greatest along an axis."""
        return np.asarray(np.argmax(x, axis))


def _is_index(value: Any) -> bool:
    is_real = isinstance(value, int | float | np.integer | np.floating)
    return is_real and 0 <= value <= _MOST and int(value) == value


def check_below(count: int, indices: np.ndarray[Any, np.dtype[np.int64]], what: str) -> None:
    """Raise an error for indices that are out of range.

    Raises:
        DataError: One is not below ``count``.
    """
    if indices.size and indices.max() >= count:
        wrong = indices[indices >= count][0]
        raise DataError(f"{what} {wrong} is not in the range 0 to {count - 1}")


INDEX: Final = cast("Scalar", IndexDomain())
"""The only instance."""
