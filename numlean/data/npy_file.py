"""Tables in single arrays of numpy (.npy): columns by position, or the fields of a structure."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean.errors import DataError, UnknownNameError

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

NUMBERS: Final = "biuf"
"""The kinds of dtypes that are numbers."""
TEXT: Final = "U"
"""The kind of dtypes that are texts."""

_LONGEST_REASON: Final = 200


def read_npy(path: str) -> Array:
    """Return the array of a file; never unpickle Python objects.

    Raises:
        DataError: The file cannot be read, is no such array, or holds neither numbers nor text.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - numpy needs a file with a descriptor
            array: Array = np.lib.format.read_array(file, allow_pickle=False)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    except Exception as error:  # a damaged header raises whatever numpy's parser stumbles over
        raise DataError(f"{path}: not an array of numpy: {one_line(error)}") from None
    for name in array.dtype.names or (None,):
        dtype = array.dtype if name is None else array.dtype[name]
        if dtype.kind not in NUMBERS + TEXT:
            where = path if name is None else f"{path}, field {name!r}"
            raise DataError(f"{where}: must hold real numbers or text, got {dtype}")
    return array


def one_line(error: Exception) -> str:
    """Return what a library says about a file, in one line."""
    return (" ".join(str(error).split()) or type(error).__name__)[:_LONGEST_REASON]


def columns(path: str, array: Array) -> dict[str, Array]:
    """Return the columns of a table by name: a field, or the position, counted from 1.

    Raises:
        DataError: The array is no table.
    """
    names = array.dtype.names
    if names is not None and array.ndim == 1:
        return {name: array[name] for name in names}
    if names is not None or array.ndim != 2:
        raise DataError(
            f"{path}: a table needs an array of shape (rows, columns) or a structured one of shape"
            f" (rows,), got shape {array.shape}; or pass --target FILE.npy with the targets"
        )
    return {str(k + 1): array[:, k] for k in range(array.shape[1])}


def choose(path: str, found: dict[str, Array], names: tuple[str, ...]) -> tuple[str, ...]:
    """Check that there are such columns, and return their names.

    Raises:
        UnknownNameError: There is no such column.
    """
    for name in names:
        if name not in found:
            raise UnknownNameError(f"column of {path}", name, tuple(found)[:20])
    return names
