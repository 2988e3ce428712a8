"""Fit a table into the width of a terminal without breaking a word.

A table that fits is not changed. Of the following, the first that makes it fit is done: a last
column of sentences continues on further lines; titles of columns take several lines; the columns
are divided into several tables, each of which repeats the first column.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, TypeAlias

Row: TypeAlias = tuple[str, ...]

GAP: Final = "  "
_LEAST_FLOW: Final = 24
"""The least width of a column of sentences; a narrower one would have a word on each line."""


@dataclass(frozen=True)
class FittedTable:
    """A table, or some columns of one, whose cells have one line each.

    Attributes:
        columns: The numbers of the columns.
        head: The lines of the header.
        rows: The lines of the rows.
    """

    columns: Sequence[int]
    head: Sequence[Row]
    rows: Sequence[Row]


def fit_columns(
    header: Row, rows: Sequence[Row], width: int, *, can_flow: bool
) -> list[FittedTable]:
    """Return one or more tables that fit.

    A table that cannot fit, since a cell has too long a word, stays too wide.

    Args:
        header: The titles of the columns; empty for a table without titles.
        rows: The cells of each row.
        width: The number of characters in a line.
        can_flow: Whether the last column may continue on further lines.
    """
    whole = [header] if header else []
    broken = _broken_header(header, rows)
    every = range(len(_widths(whole, rows)))
    for head in (whole, broken):
        if _total(_widths(head, rows)) <= width:
            return [FittedTable(every, head, rows)]
        if can_flow:
            flowing = _flowing(head, rows, width)
            if flowing is not None:
                return [FittedTable(every, head, flowing)]
    return _divided(broken, rows, width, can_flow=can_flow)


def _widths(head: Sequence[Row], rows: Sequence[Row]) -> list[int]:
    return [max(map(len, column)) for column in zip_longest(*head, *rows, fillvalue="")]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * max(len(widths) - 1, 0)


def _broken_header(header: Row, rows: Sequence[Row]) -> list[Row]:
    """Return a header whose titles are broken at spaces, so that columns are as narrow as cells."""
    if not header:
        return []
    cells = _widths([], rows) + [0] * len(header)
    titles = [
        _wrapped(title, max(cells[k], *map(len, title.split()), 1))
        for k, title in enumerate(header)
    ]
    height = max(map(len, titles))
    lines = [[""] * (height - len(each)) + each for each in titles]  # the last line is full
    return [tuple(line) for line in zip(*lines, strict=True)]


def _flowing(head: Sequence[Row], rows: Sequence[Row], width: int) -> list[Row] | None:
    """Return the rows with sentences on several lines; None if there is not enough room."""
    widths = _widths(head, rows)
    if len(widths) < 2:
        return None
    left = width - _total([*widths[:-1], 0])
    if left < _LEAST_FLOW:
        return None
    lines = list[Row]()
    for row in rows:
        if len(row) < len(widths):
            lines.append(row)
            continue
        first, *more = _wrapped(row[-1], left)
        lines.append((*row[:-1], first))
        lines += [(*[""] * (len(row) - 1), each) for each in more]
    return lines if _widths(head, lines)[-1] <= left else None


def _divided(
    head: Sequence[Row], rows: Sequence[Row], width: int, *, can_flow: bool
) -> list[FittedTable]:
    widths = _widths(head, rows)
    groups, used = [[0]], widths[0] if widths else 0
    for k in range(1, len(widths)):
        if groups[-1] != [0] and used + len(GAP) + widths[k] > width:
            groups.append([0])
            used = widths[0]
        groups[-1].append(k)
        used += len(GAP) + widths[k]
    tables = list[FittedTable]()
    for group in groups:
        own_head = [_chosen(row, group) for row in head]
        own_rows = [_chosen(row, group) for row in rows]
        has_last = can_flow and group[-1] == len(widths) - 1
        flowing = _flowing(own_head, own_rows, width) if has_last else None
        is_too_wide = _total(_widths(own_head, own_rows)) > width
        lines = flowing if flowing and is_too_wide else own_rows
        tables.append(FittedTable(group, own_head, lines))
    return tables


def _chosen(row: Row, columns: Sequence[int]) -> Row:
    return tuple(row[k] if k < len(row) else "" for k in columns)


def _wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text, broken at spaces only."""
    return wrap_words(text, max(width, 1)) or [""]


def wrap_words(text: str, width: int, indent: str = "") -> list[str]:
    """Return a text in lines that are broken at spaces only; further lines have an indent."""
    return textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
