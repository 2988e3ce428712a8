"""Columns of cells from a text file, read as numbers or as texts."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import isinf
from typing import Final

import numpy as np

from numlean.data import odd_cells
from numlean.data.dataset import Floats
from numlean.data.labels import Labels, labels_of_decimals
from numlean.data.missing import MISSING_WORDS, MissingValues
from numlean.data.number_format import NumberFormat
from numlean.data.odd_cells import is_disguised
from numlean.display_text import printable
from numlean.errors import DataError, UnknownNameError

NUMBERS: Final = "numbers"
"""A column of numbers and missing values."""
MIXED: Final = "mixed"
"""A column of numbers, of which less than half are texts, or some are in another notation."""
TEXTS: Final = "texts"
"""A column of texts, at least half of its cells."""

_POSITION: Final = re.compile(r"[0-9]{1,20}")
_EMPTY: Final = frozenset({""})
_SHOWN_NAMES: Final = 20
_LONGEST_OPTION: Final = 80


@dataclass(frozen=True)
class Advice:
    """What a user can do about a cell, as the end of a message.

    Attributes:
        missing: About a missing value.
        text: About a text in place of a number.
    """

    missing: str
    text: str


@dataclass(frozen=True)
class CsvTable:
    """The cells of a file, as text without surrounding blanks.

    Attributes:
        path: The file.
        names: The columns' names; without a header their positions, counted from 1.
        rows: The cells, row by row.
        lines: The line of the file at which each row begins, counted from 1.
        has_header: Whether the first row of the file contains the names.
        header_is_guessed: Whether it has none according to its first row, and not to the user.
        numbers: The format of numbers.
        missing: The cells that are missing values.
        test_path: The file of the test data, if there is one.
        test_size: The number of rows from that file, which are the last ones.
    """

    path: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    has_header: bool
    numbers: NumberFormat
    missing: MissingValues
    header_is_guessed: bool = False
    test_path: str = ""
    test_size: int = 0

    def index(self, column: str) -> int:
        """Return the index of a column given by its name or by its position, counted from 1.

        Raises:
            UnknownNameError: There is no such column.
        """
        if column in self.names:
            return self.names.index(column)
        if _POSITION.fullmatch(column) and 1 <= int(column) <= len(self.names):
            return int(column) - 1
        if not self.has_header and column in self.rows[0]:
            raise DataError(
                f"{self.path}: {column!r:.80} is a cell of the first row, which contains numbers;"
                " pass --header yes if it contains the names of the columns"
            )
        known = tuple(map(printable, self.names[:_SHOWN_NAMES]))
        more = ("...",) if len(self.names) > _SHOWN_NAMES else ()
        raise UnknownNameError(f"column of {self.path}", column[:80], (*known, *more))

    def is_gap(self, cell: str) -> bool:
        """Return whether a cell is a missing value among numbers."""
        return self._is_missing(cell, MISSING_WORDS)

    def kind(self, index: int) -> str:
        """Return what a column consists of: ``NUMBERS``, ``MIXED`` or ``TEXTS``."""
        numbers = disguised = texts = 0
        for cell, count in Counter(row[index] for row in self.rows).items():
            if self.numbers.is_number(cell):
                numbers += count
            elif not self.is_gap(cell):
                is_number = is_disguised(cell, self.numbers)
                disguised += count * is_number
                texts += count * (not is_number)
        if not disguised + texts:
            return NUMBERS
        return MIXED if numbers + disguised > texts else TEXTS

    def gaps(self, index: int, *, texts: bool) -> Sequence[int]:
        """Return the rows in which a column has a missing value."""
        words = _EMPTY if texts else MISSING_WORDS
        return [k for k, row in enumerate(self.rows) if self._is_missing(row[index], words)]

    def floats(self, index: int, advice: Advice, *, gaps: bool = False) -> Floats:
        """Return a column as binary64 numbers, each rounded once.

        Args:
            index: The column.
            advice: The ends of messages.
            gaps: Whether missing values become NaNs; otherwise they are errors.

        Raises:
            DataError: A value is missing, is text, or overflows binary64.
        """
        missing = set(self.gaps(index, texts=False))
        if missing and not gaps:
            rows = sorted(missing)
            raise self.error(rows, index, _missing(self.rows[rows[0]][index]), advice.missing)
        cells = [row[index] for row in self.rows]
        plain = [
            "nan" if k in missing else self.numbers.plain(cell) for k, cell in enumerate(cells)
        ]
        wrong = [k for k, text in enumerate(plain) if text is None]
        if wrong:
            raise self._not_a_number(wrong, index, advice)
        values = np.array([float(text) for text in plain if text], dtype=np.float64)
        infinite = [k for k, value in enumerate(values) if isinf(value)]
        if infinite:
            what = f"{cells[infinite[0]]:.80} overflows binary64"
            raise self.error(infinite, index, what, "scale the column down")
        return values

    def labels(self, index: int, advice: Advice) -> Labels:
        """Return the classes of a column of numbers, compared exactly.

        Raises:
            DataError: A value is missing, or is text.
        """
        cells = self._complete(index, MISSING_WORDS, advice)
        wrong = [k for k, cell in enumerate(cells) if not self.numbers.is_number(cell)]
        if wrong:
            raise self._not_a_number(wrong, index, advice)
        try:
            return labels_of_decimals(cells, self.numbers.exact)
        except DataError as error:
            raise DataError(f"{self.path}, column {self.names[index]!r:.80}: {error}") from None

    def texts(self, index: int, advice: Advice) -> list[str]:
        """Return a column as text.

        Raises:
            DataError: A value is missing.
        """
        return self._complete(index, _EMPTY, advice)

    def _complete(self, index: int, words: Collection[str], advice: Advice) -> list[str]:
        cells = [row[index] for row in self.rows]
        wrong = [k for k, cell in enumerate(cells) if self._is_missing(cell, words)]
        if wrong:
            raise self.error(wrong, index, _missing(cells[wrong[0]]), advice.missing)
        return cells

    def without_rows(self, rows: Collection[int]) -> CsvTable:
        """Return the table without some rows.

        Raises:
            DataError: No row is left.
        """
        left = [k for k in range(len(self.rows)) if k not in rows]
        if not left:
            raise DataError(
                f"{self.path}: each row has a missing value; pass --impute in place of"
                " --drop-missing, or --drop for the columns that have none"
            )
        test = sum(k >= self.train_size for k in left)
        return replace(
            self,
            rows=tuple(self.rows[k] for k in left),
            lines=tuple(self.lines[k] for k in left),
            test_size=test,
        )

    def with_test(self, other: CsvTable) -> CsvTable:
        """Return the table followed by the rows of a file of test data, columns matched by name.

        Raises:
            DataError: The other file lacks a column, or only one of them has a header.
        """
        if self.has_header != other.has_header:
            one, two = (self, other) if self.has_header else (other, self)
            raise DataError(
                f"{one.path}: it has a header, but {two.path} has none; give both the same first"
                " row, or pass --header yes or no"
            )
        places = {name: k for k, name in reversed(list(enumerate(other.names)))}
        absent = [name for name in self.names if name not in places]
        if absent or (not self.has_header and len(self.names) != len(other.names)):
            name = absent[0] if absent else other.names[-1]
            raise DataError(
                f"{other.path}: it has {len(other.names)} columns, and {self.path} has"
                f" {len(self.names)}; column {name!r:.80} is in one of them only"
            )
        order = [places[name] for name in self.names]
        rows = tuple(tuple(row[k] for k in order) for row in other.rows)
        return replace(
            self,
            rows=self.rows + rows,
            lines=self.lines + other.lines,
            test_path=other.path,
            test_size=len(rows),
        )

    @property
    def train_size(self) -> int:
        """The number of rows that are not from the file of the test data."""
        return len(self.rows) - self.test_size

    def option(self, index: int) -> str:
        """Return a column as an option takes it in a shell."""
        name = self.names[index]
        is_short = 0 < len(name) <= _LONGEST_OPTION and name.isprintable()
        return shlex.quote(name) if is_short else str(index + 1)

    def error(self, rows: Sequence[int], index: int, what: str, fix: str) -> DataError:
        """Return an error with the first of the wrong rows, the column, the problem and the fix."""
        more = f" (and {len(rows) - 1} more rows)" if len(rows) > 1 else ""
        path = self.path if rows[0] < self.train_size else self.test_path
        return DataError(
            f"{path}: row {self.lines[rows[0]]}, column {self.names[index]!r:.80}:"
            f" {what}{more}: {fix}"
        )

    def _not_a_number(self, rows: Sequence[int], index: int, advice: Advice) -> DataError:
        cell = self.rows[rows[0]][index]
        what = f"{cell!r:.80} is not a number"
        if self.kind(index) == TEXTS:
            return self.error(rows, index, what, advice.text)
        fix = odd_cells.fix(cell, self.numbers) or "correct the cell" + (
            f", or pass {odd_cells.na_values(cell):.99} to read it as a missing value"
            * cell.isprintable()
        )
        return self.error(rows, index, what, f"{fix}; or {advice.text}")

    def _is_missing(self, cell: str, words: Collection[str]) -> bool:
        return cell.lower() in words or self.missing.is_word(cell, self.numbers)


def _missing(cell: str) -> str:
    return f"the value is missing ({cell!r:.80})" if cell else "the value is missing"
