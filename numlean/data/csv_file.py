"""Reading text files as tables: their rows, and whether the first one names the columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from sys import getsizeof
from typing import Final, TypeAlias

from numlean.data.csv_dialect import CsvDialect, Record
from numlean.data.csv_table import CsvTable
from numlean.data.input_file import shown_path
from numlean.data.missing import MissingValues
from numlean.data.odd_cells import is_disguised
from numlean.data.size_limit import check_size, read_limit
from numlean.data.text_file import read_text
from numlean.errors import DataError

Rows: TypeAlias = tuple[tuple[str, ...], ...]

_ENTRY_SIZE: Final = 100
"""The memory of an entry of a dictionary, about, in bytes."""
_COLUMN_SIZE: Final = 1000
"""The memory of a column while a table is read, about, in bytes, besides its cells."""
_LINE_SIZE: Final = 48
"""The memory of the number of a line and of the references to a row, in bytes."""

HEADERS: Final = ("auto", "yes", "no")
"""Whether the first row names the columns; ``auto``: it does if none of its cells is a number."""


def read_csv(
    path: str,
    dialect: CsvDialect | None = None,
    *,
    header: str = "auto",
    missing: MissingValues | None = None,
) -> CsvTable:
    """Return the cells of a text file.

    Rows are numbered by lines of the file; empty lines are skipped.

    Raises:
        DataError: The file cannot be read, has no rows, has rows of different lengths, or it is
            unclear whether it has a header.
    """
    dialect, missing = dialect or CsvDialect(), missing or MissingValues()
    text, path = read_text(path, dialect.encoding), shown_path(path)
    lines, rows = _collect(path, dialect.records(path, text))
    if not rows:
        raise DataError(f"{path}: the file is empty; a table needs at least one row")
    positions = tuple(str(k + 1) for k in range(len(rows[0])))
    is_auto = header == "auto"
    whole = CsvTable(path, positions, rows, lines, False, dialect.numbers, missing, is_auto)
    if header == "no" or (is_auto and not _has_header(whole)):
        return whole
    if len(rows) == 1:
        raise DataError(f"{path}: the header {', '.join(rows[0])[:80]!r} has no rows below it")
    names = _check_names(path, rows[0])
    headed = replace(whole, has_header=True, header_is_guessed=False)
    return replace(headed, names=names, rows=rows[1:], lines=lines[1:])


def _has_header(table: CsvTable) -> bool:
    """Return whether the first row contains names.

    Raises:
        DataError: It looks like names and like data.
    """
    first, numbers = table.rows[0], table.numbers
    number = next(
        (each for each in first if numbers.is_number(each) or is_disguised(each, numbers)), None
    )
    if number is None:
        return True
    name = next((cell for k, cell in enumerate(first) if _looks_like_a_name(table, k)), None)
    if name is None and first == tuple(map(str, range(len(first)))) and len(first) > 2:
        name = first[-1]  # pandas names columns so
    if name is not None:
        raise DataError(
            f"{table.path}: row {table.lines[0]} contains {number!r:.40} and {name!r:.40}, so it"
            " may be data or the names of the columns; pass --header yes if it contains the names,"
            " otherwise --header no"
        )
    return False


def _looks_like_a_name(table: CsvTable, index: int) -> bool:
    """Return whether the first cell of a column is the only text among numbers."""
    below = [row[index] for row in table.rows[1:]]
    texts = [cell for cell in (table.rows[0][index], *below) if not _is_plain(table, cell)]
    return texts[:1] == [table.rows[0][index]] == texts and any(map(table.numbers.is_number, below))


def _is_plain(table: CsvTable, cell: str) -> bool:
    return table.numbers.is_number(cell) or table.is_gap(cell)


def _collect(path: str, records: Iterable[Record]) -> tuple[tuple[int, ...], Rows]:
    """Return the lines at which rows begin, and the rows, which share equal cells.

    Raises:
        DataError: Rows have different lengths, or take more memory than the limit.
    """
    lines: list[int] = []
    rows: list[tuple[str, ...]] = []
    known: dict[str, str] = {}
    size = 0
    for line, row in records:
        if rows and len(row) != len(rows[0]):
            raise DataError(
                f"{path}: row {line} has {len(row)} cells, but the first row has {len(rows[0])};"
                " all rows must have the same length (quote a cell that contains the delimiter)"
            )
        if not rows:
            check_size(f"{path}: a table of {len(row):,} columns", len(row) * _COLUMN_SIZE)
        shared = []
        for cell in row:
            own = known.get(cell)
            if own is None:
                own = known[cell] = cell
                size += getsizeof(cell) + _ENTRY_SIZE
            shared.append(own)
        lines.append(line)
        rows.append(tuple(shared))
        size += getsizeof(rows[-1]) + _LINE_SIZE
        if size > read_limit():
            check_size(f"{path}: its first {len(rows):,} rows in memory", size)
    return tuple(lines), tuple(rows)


def _check_names(path: str, names: tuple[str, ...]) -> tuple[str, ...]:
    known: set[str] = set()
    for name in filter(None, names):
        if name in known:
            raise DataError(f"{path}: two columns are called {name!r:.80}; give each its own name")
        known.add(name)
    return names
