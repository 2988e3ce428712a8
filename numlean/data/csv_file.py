"""Reading text files as tables: their rows, and whether the first one names the columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from numlean.data.csv_dialect import CsvDialect, Record
from numlean.data.csv_table import CsvTable
from numlean.data.missing import MissingValues
from numlean.data.odd_cells import is_disguised
from numlean.data.text_file import read_text
from numlean.errors import DataError

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
    records = dialect.records(path, read_text(path, dialect.encoding))
    if not records:
        raise DataError(f"{path} is empty; a table needs at least one row")
    _check_lengths(path, records)
    lines, rows = zip(*records, strict=True)
    positions = tuple(str(k + 1) for k in range(len(rows[0])))
    is_auto = header == "auto"
    whole = CsvTable(path, positions, rows, lines, False, dialect.numbers, missing, is_auto)
    if header == "no" or (is_auto and not _has_header(whole)):
        return whole
    if len(rows) == 1:
        raise DataError(f"{path} has a header, {', '.join(rows[0])[:80]!r}, but no rows below it")
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


def _check_lengths(path: str, records: Sequence[Record]) -> None:
    width = len(records[0][1])
    for line, row in records:
        if len(row) != width:
            raise DataError(
                f"{path}: row {line} has {len(row)} cells, but the first row has {width}; all rows"
                " must have the same length (quote a cell that contains the delimiter)"
            )


def _check_names(path: str, names: tuple[str, ...]) -> tuple[str, ...]:
    for position, name in enumerate(names):
        if name and name in names[:position]:
            raise DataError(f"{path}: two columns are called {name!r}; give each its own name")
    return names
