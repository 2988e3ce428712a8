"""Tables in numpy archives (.npz): arrays by key."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping

import numpy as np

from numlean.data.npy_file import NUMBERS, TEXT, Array, one_line
from numlean.errors import DataError


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
    except Exception as error:  # a damaged file raises whatever the parsers stumble over
        where = f", key {key!r}" if key else ""
        raise DataError(
            f"{path}{where}: not an array of a numpy archive: {one_line(error)}"
        ) from None
    for key, array in arrays.items():
        if array.dtype.kind not in NUMBERS + TEXT:
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
