"""Columns of an array of numpy: by position, or the fields of a structure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from numlean.data.dataset import Places
from numlean.data.npy_file import Array
from numlean.display_text import printable
from numlean.errors import DataError, UnknownNameError

_POSITION: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_SHOWN_NAMES: Final = 20


@dataclass(frozen=True)
class ArrayColumns:
    """The columns of an array of shape (rows, columns), or of a structured one of shape (rows,).

    Attributes:
        path: The file, for messages.
        array: The array.

    Raises:
        DataError: The array is no table.
    """

    path: str
    array: Array

    def __post_init__(self) -> None:
        if self.array.ndim != (2 if self._fields is None else 1):
            raise DataError(
                f"{self.path}: a table needs an array of shape (rows, columns) or a structured one"
                f" of shape (rows,), got shape {self.array.shape!s:.80}; or pass --target FILE.npy"
                " with the targets"
            )
        if not self.count:
            raise DataError(
                f"{self.path}: an array of shape {self.array.shape!s:.80} has no columns, and a"
                " table needs inputs and a target"
            )

    @property
    def count(self) -> int:
        """The number of columns."""
        return self.array.shape[1] if self._fields is None else len(self._fields)

    def name(self, index: int) -> str:
        """Return the name of a column: its field, or its position, counted from 1."""
        return str(index + 1) if self._fields is None else self._fields[index]

    def indices(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the indices of columns given by their names.

        Raises:
            UnknownNameError: There is no such column.
        """
        return tuple(map(self._index, names))

    def column(self, index: int) -> Array:
        """Return a column, of shape (rows,)."""
        found: Array = (
            self.array[:, index] if self._fields is None else self.array[self._fields[index]]
        )
        return found

    def columns(self, chosen: Places) -> Array:
        """Return columns, of shape (rows, columns); a single one keeps its dtype."""
        if self._fields is None:
            return self.array[:, np.asarray(chosen, dtype=np.intp)]
        return np.stack([self.column(int(k)) for k in chosen], axis=1)

    def with_dtype(self, kind: str) -> Sequence[int]:
        """Return the indices of the columns whose dtype is of a kind."""
        if self._fields is None:
            return range(self.count if self.array.dtype.kind == kind else 0)
        return [k for k in range(self.count) if self.column(k).dtype.kind == kind]

    @property
    def _fields(self) -> tuple[str, ...] | None:
        return self.array.dtype.names

    def _index(self, name: str) -> int:
        if self._fields is not None:
            if name in self._fields:
                return self._fields.index(name)
        elif _POSITION.fullmatch(name) and int(name) <= self.count:
            return int(name) - 1
        known = tuple(printable(self.name(k)) for k in range(min(self.count, _SHOWN_NAMES)))
        raise UnknownNameError(f"column of {self.path}", printable(name), known)
