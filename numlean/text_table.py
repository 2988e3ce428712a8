"""Tables for people: aligned text for a terminal, HTML for a notebook or a page.

Every table that numlean prints goes through this module. A column is aligned by one character,
``<`` (left, for texts) or ``>`` (right, for numbers); the last character of ``align`` applies to
all further columns, so ``"<>"`` means a text followed by numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from typing import Final, TypeAlias

from numlean.display_text import escape_line

Cells: TypeAlias = Sequence[str]

_GAP: Final = "  "


def column_alignment(align: str, column: int) -> str:
    """Return ``<`` or ``>`` for a column, counted from 0."""
    return align[min(column, len(align) - 1)]


@dataclass(frozen=True)
class RowFormat:
    """Layout of a line. Use it alone for rows that are printed one at a time, as they arrive.

    Attributes:
        align: ``<`` or ``>`` for each column; the last one applies to all further columns.
        widths: The width of each column. A longer cell is not cut.
        indent: Text before the first column.
    """

    align: str
    widths: tuple[int, ...]
    indent: str = ""

    @classmethod
    def fit(cls, rows: Iterable[Cells], align: str = "<", *, indent: str = "") -> RowFormat:
        """Return the narrowest format that fits all rows."""
        shown = (map(escape_line, row) for row in rows)
        columns = zip_longest(*shown, fillvalue="")
        return cls(align, tuple(max(map(len, column)) for column in columns), indent)

    def line(self, cells: Cells) -> str:
        """Return the cells as one line, without control characters and trailing spaces."""
        padded = (
            f"{escape_line(cell):{column_alignment(self.align, k)}{width}}"
            for k, (cell, width) in enumerate(zip(cells, self.widths, strict=False))
        )
        return (self.indent + _GAP.join(padded)).rstrip()


def align_rows(rows: Iterable[Cells], align: str = "<", *, indent: str = "") -> list[str]:
    """Return one aligned line for each row."""
    every = [tuple(row) for row in rows]
    row_format = RowFormat.fit(every, align, indent=indent)
    return [row_format.line(row) for row in every]


@dataclass(frozen=True)
class TextTable:
    """A table of texts, all of it known.

    Attributes:
        header: The titles of the columns; empty for a table without titles.
        rows: The cells of each row.
        align: ``<`` or ``>`` for each column; the last one applies to all further columns.
        title: A line above the table, or "".
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str = "<"
    title: str = ""

    def lines(self, *, indent: str = "") -> list[str]:
        """Return the lines of the table: title, header, rows."""
        head = [self.header] if self.header else []
        title = [escape_line(self.title)] if self.title else []
        return [*title, *align_rows([*head, *self.rows], self.align, indent=indent)]

    def to_text(self, *, indent: str = "") -> str:
        """Return the table as aligned text."""
        return "\n".join(self.lines(indent=indent))

    def to_html(self, *, css_class: str = "", row_headers: bool = False) -> str:
        """Return the table as HTML, which also looks right without a style sheet.

        Args:
            css_class: The class of the table element. Cells of numbers have the class ``number``.
            row_headers: Whether the first cell of each row is a heading.
        """
        own = f' class="{escape(css_class)}"' if css_class else ""
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        head = f"<thead>{self._html_row(self.header, len(self.header))}</thead>"
        body = "".join(self._html_row(row, int(row_headers)) for row in self.rows)
        return f"<table{own}>{caption}{head if self.header else ''}<tbody>{body}</tbody></table>"

    def _html_row(self, cells: Cells, headings: int) -> str:
        return (
            f"<tr>{''.join(self._html_cell(cells[k], k, headings) for k in range(len(cells)))}</tr>"
        )

    def _html_cell(self, cell: str, column: int, headings: int) -> str:
        tag = "th" if column < headings else "td"
        if column_alignment(self.align, column) == ">":
            return f'<{tag} class="number" style="text-align:right">{escape(cell)}</{tag}>'
        return f'<{tag} style="text-align:left">{escape(cell)}</{tag}>'
