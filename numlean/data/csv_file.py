"""Tables in text files: values separated by commas, semicolons or tabs."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from math import isinf
from typing import Final

import numpy as np

from numlean.data.dataset import Floats
from numlean.data.text_file import read_text
from numlean.errors import DataError, UnknownNameError

HEADERS: Final = ("auto", "yes", "no")
"""Whether the first row names the columns; ``auto``: it does if none of its cells is a number."""

_DELIMITERS: Final = ("\t", ";", ",")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MISSING: Final = frozenset({"", "na", "n/a", "nan", "+nan", "-nan", "null", "none", "?"})
_SHOWN_NAMES: Final = 20


@dataclass(frozen=True)
class CsvTable:
    """The cells of a file, as text without surrounding blanks.

    Attributes:
        path: The file.
        names: The columns' names; without a header their positions, counted from 1.
        rows: The cells, row by row.
        lines: The line of the file at which each row begins, counted from 1.
    """

    path: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def index(self, column: str) -> int:
        """Return the index of a column given by its name or by its position, counted from 1.

        Raises:
            UnknownNameError: There is no such column.
        """
        if column in self.names:
            return self.names.index(column)
        if column.isdecimal() and 1 <= int(column) <= len(self.names):
            return int(column) - 1
        more = ("...",) if len(self.names) > _SHOWN_NAMES else ()
        raise UnknownNameError(
            f"column of {self.path}", column, (*self.names[:_SHOWN_NAMES], *more)
        )

    def is_numeric(self, index: int) -> bool:
        """Return whether all cells of a column are numbers or missing values."""
        return all(_is_number(row[index]) or _is_missing(row[index]) for row in self.rows)

    def numbers(self, index: int, fix: str) -> Floats:
        """Return a column as binary64 numbers, each rounded once.

        Raises:
            DataError: A value is missing, is text, or overflows binary64; the message ends with
                the fix.
        """
        cells = [row[index] for row in self.rows]
        wrong = [k for k, cell in enumerate(cells) if not _is_number(cell)]
        if wrong:
            cell = cells[wrong[0]]
            what = f"{cell!r} is not a number" if not _is_missing(cell) else _missing(cell)
            raise self.error(wrong, index, what, fix)
        values = np.array([float(cell) for cell in cells], dtype=np.float64)
        infinite = [k for k, value in enumerate(values) if isinf(value)]
        if infinite:
            what = f"{cells[infinite[0]]} overflows binary64"
            raise self.error(infinite, index, what, "scale the column down")
        return values

    def texts(self, index: int, fix: str, *, missing: frozenset[str] = _MISSING) -> list[str]:
        """Return a column as text.

        Raises:
            DataError: A cell is in ``missing``, ignoring case; the message ends with the fix.
        """
        cells = [row[index] for row in self.rows]
        wrong = [k for k, cell in enumerate(cells) if cell.lower() in missing]
        if wrong:
            raise self.error(wrong, index, _missing(cells[wrong[0]]), fix)
        return cells

    def error(self, rows: Sequence[int], index: int, what: str, fix: str) -> DataError:
        """Return an error with the first of the wrong rows, the column, the problem and the fix."""
        more = f" (and {len(rows) - 1} more rows)" if len(rows) > 1 else ""
        name = self.names[index]
        column = shlex.quote(name) if name.isprintable() else str(index + 1)
        return DataError(
            f"{self.path}: row {self.lines[rows[0]]}, column {name!r}: {what}{more}:"
            f" {fix.format(column=column)}"
        )


def read_csv(path: str, *, header: str = "auto") -> CsvTable:
    """Return the cells of a text file in UTF-8.

    Cells are separated by tabs if the first row has any, otherwise by semicolons if it has any,
    otherwise by commas, and may be quoted. Rows are numbered by lines of the file; empty lines are
    skipped.

    Raises:
        DataError: The file cannot be read, has no rows, or has rows of different lengths.
    """
    text = read_text(path)
    records = list(_records(path, text, _delimiter(text)))
    if not records:
        raise DataError(f"{path} is empty; a table needs at least one row")
    lines, rows = zip(*records, strict=True)
    _check_lengths(path, lines, rows)
    if header == "no" or (header == "auto" and any(map(_is_number, rows[0]))):
        names = tuple(str(k + 1) for k in range(len(rows[0])))
        return CsvTable(path, names, rows, lines)
    if len(rows) == 1:
        raise DataError(f"{path} has a header, {', '.join(rows[0])[:80]!r}, but no rows below it")
    return CsvTable(path, _check_names(path, rows[0]), rows[1:], lines[1:])


def _delimiter(text: str) -> str:
    """Return the first delimiter that splits the first row; the comma if none does."""
    for delimiter in _DELIMITERS[:-1]:
        rows = csv.reader(StringIO(text), delimiter=delimiter)
        if len(next(filter(None, rows), [])) > 1:
            return delimiter
    return _DELIMITERS[-1]


def _records(path: str, text: str, delimiter: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    reader = csv.reader(StringIO(text), delimiter=delimiter, strict=True)
    line = 1
    try:
        for record in reader:
            if len(record) > 1 or any(cell.strip() for cell in record):
                yield line, tuple(cell.strip() for cell in record)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}: row {line}: {error}") from None


def _check_lengths(path: str, lines: Sequence[int], rows: Sequence[tuple[str, ...]]) -> None:
    width = len(rows[0])
    for line, row in zip(lines, rows, strict=True):
        if len(row) != width:
            raise DataError(
                f"{path}: row {line} has {len(row)} cells, but the first row has {width}; all rows"
                " must have the same length"
            )


def _check_names(path: str, names: tuple[str, ...]) -> tuple[str, ...]:
    for position, name in enumerate(names):
        if name and name in names[:position]:
            raise DataError(f"{path}: two columns are called {name!r}; give each its own name")
    return names


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None


def _is_missing(cell: str) -> bool:
    return cell.lower() in _MISSING


def _missing(cell: str) -> str:
    return f"the value is missing ({cell!r})" if cell else "the value is missing"
