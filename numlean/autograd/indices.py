"""Whole numbers that name things: places in an array, classes, tokens.

They are no numbers of any arithmetic: nothing is rounded, and nothing but ``take`` and its like has
a use for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast, final

import numpy as np

from numlean.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from numlean.scalar.protocol import Scalar


@final
class IndexDomain:
    """What stands where a tensor's Scalar does, if the tensor holds indices."""

    name = "indices"
    device = "any"
    format = None
    storage_dtype = np.dtype(np.int64)

    def from_float(self, values: ArrayLike) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Whole numbers as they are.

        Raises:
            DataError: One is not whole, or negative.
        """
        array = np.asarray(values)
        with np.errstate(invalid="ignore"):
            whole = array.astype(np.int64)
        wrong = array[(whole != array) | (whole < 0)]
        if wrong.size:
            raise DataError(f"an index is a whole number from 0 on, not {wrong[0]}")
        return whole


def check_below(count: int, indices: np.ndarray[Any, np.dtype[np.int64]], what: str) -> None:
    """Refuse indices that name nothing.

    Raises:
        DataError: One is not below ``count``.
    """
    if indices.size and indices.max() >= count:
        raise DataError(f"{what} {indices[indices >= count][0]} is not one of 0 to {count - 1}")


INDEX: Final = cast("Scalar", IndexDomain())
"""The one of them."""
