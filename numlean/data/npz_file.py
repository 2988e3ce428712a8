"""Tables in numpy archives (.npz): arrays by key."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from numlean.data.dataset import Floats
from numlean.errors import DataError

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

_NUMBERS: Final = "biuf"
_TEXT: Final = "U"


def read_npz(path: str) -> dict[str, Array]:
    """Return the arrays of an archive by key; never unpickle Python objects.

    Raises:
        DataError: The file cannot be read, or an array holds neither numbers nor text.
    """
    arrays: dict[str, Array] = {}
    key = ""
    try:
        with zipfile.ZipFile(path):  # numpy would read any other file as a pickle
            pass
        with np.load(path, allow_pickle=False) as archive:
            for key in archive.files:
                arrays[key] = archive[key]
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        where = f", key {key!r}" if key else ""
        raise DataError(f"{path}{where}: not an array of a numpy archive: {error}") from None
    for key, array in arrays.items():
        if array.dtype.kind not in _NUMBERS + _TEXT:
            raise DataError(
                f"{path}, key {key!r}: must hold real numbers or text, got {array.dtype}"
            )
    return arrays


def input_key(path: str, arrays: Mapping[str, Array], target: str, key: str | None) -> str:
    """Return the key of the inputs: the given one, the only one besides the target, or ``x``.

    Raises:
        DataError: There is no such array, or the choice is ambiguous.
    """
    others = [name for name in arrays if name != target]
    for chosen in (target, key):
        if chosen is not None and chosen not in arrays:
            raise DataError(f"{path} has no key {chosen!r}; it has {', '.join(arrays) or 'none'}")
    if key == target:
        raise DataError(f"{path}: {key!r} cannot be both the inputs and the target at once")
    if key is not None:
        return key
    if len(others) == 1 or "x" in others:
        return "x" if "x" in others else others[0]
    raise DataError(
        f"{path}: which array holds the inputs is ambiguous: pass --input KEY; arrays besides the"
        f" target: {', '.join(others) or 'none'}"
    )


def numbers(path: str, key: str, array: Array) -> Floats:
    """Return an array as binary64 numbers, each rounded once.

    Raises:
        DataError: The array is text, or a value is not finite; rows and columns count from 0.
    """
    if array.dtype.kind == _TEXT:
        raise DataError(
            f"{path}, key {key!r}: inputs must be numbers, got text of type {array.dtype}"
        )
    with np.errstate(over="ignore"):
        values = array.astype(np.float64)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, *columns = (int(k) for k in wrong[0])
        where = f", column {', '.join(map(str, columns))}" if columns else ""
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise DataError(
            f"{path}, key {key!r}: row {row}{where} (from 0) is {values[tuple(wrong[0])]}{more}:"
            " data must be finite; fill in the value or remove the row"
        )
    return values
