"""Tables for people: aligned text for a terminal, HTML for a notebook or a page.

Every table that numlean prints goes through this module. A column is aligned by one character,
``<`` (left, for texts) or ``>`` (right, for numbers); the last character of ``align`` applies to
all further columns, so ``"<>"`` means a text followed by numbers. On a terminal, a table is made to
fit into its lines; see :mod:`numlean.display_text.columns`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from typing import Final, TypeAlias

from numlean.display_text import escape_line
from numlean.display_text.columns import GAP, FittedTable, fit_columns
from numlean.display_text.layout import heading, line_width

Cells: TypeAlias = Sequence[str]

_LEAST_WIDTH: Final = 8
"""The width to which columns of a row that is printed alone may shrink on a narrow terminal."""

_FURTHER: Final = "    "
"""The indent of the lines in which the cells of a row go on."""


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
        """Return the cells as one line, without control characters and trailing spaces.

        On a terminal that is too narrow for it, the cells go on in further lines, indented.
        """
        line, width = self._line(cells, self._shown_widths()), line_width()
        return line if width is None or len(line) <= width else self._broken(cells, width)

    def _broken(self, cells: Cells, width: int) -> str:
        """Return the cells one after the other, in as many lines as they need."""
        lines, further = list[str](), self.indent + _FURTHER
        for cell in filter(None, map(escape_line, cells)):
            longer = f"{lines[-1]}{GAP}{cell}" if lines else self.indent + cell
            if len(longer) > width and lines:
                lines.append(further + cell)
            else:
                lines[-1:] = [longer]
        return "\n".join(lines)

    def _line(self, cells: Cells, widths: Sequence[int]) -> str:
        padded = (
            f"{escape_line(cell):{column_alignment(self.align, k)}{width}}"
            for k, (cell, width) in enumerate(zip(cells, widths, strict=False))
        )
        return (self.indent + GAP.join(padded)).rstrip()

    def heading(self, cells: Cells) -> str:
        """Return the titles of the columns as one line, on a narrow terminal as several."""
        return "\n".join(map(heading, self.line(cells).split("\n")))

    def _shown_widths(self) -> tuple[int, ...]:
        """Return the widths, reduced as far as the terminal needs it, numbers first."""
        width, shown = line_width(), list(self.widths)
        if width is None:
            return self.widths
        left = width - len(self.indent) - len(GAP) * (len(shown) - 1)
        numbers = [k for k in range(len(shown)) if column_alignment(self.align, k) == ">"]
        for columns in (numbers, range(len(shown))):
            while sum(shown) > left and max((shown[k] for k in columns), default=0) > _LEAST_WIDTH:
                shown[max(columns, key=lambda k: shown[k])] -= 1
        return tuple(shown)


def align_rows(rows: Iterable[Cells], align: str = "<", *, indent: str = "") -> list[str]:
    """Return one aligned line for each row; on a narrow terminal, several ones."""
    return _aligned((), rows, align, indent)


def _aligned(header: Cells, rows: Iterable[Cells], align: str, indent: str) -> list[str]:
    titles = tuple(map(escape_line, header))
    every = [tuple(map(escape_line, row)) for row in rows]
    columns = range(max(map(len, [titles, *every]), default=0))
    tables = [FittedTable(columns, [titles] if titles else [], every)]
    width = line_width()
    if width is not None and columns:
        can_flow = len(columns) > 1 and column_alignment(align, columns[-1]) == "<"
        tables = fit_columns(titles, every, width - len(indent), can_flow=can_flow)
    lines = list[str]()
    for table in tables:
        own = "".join(column_alignment(align, k) for k in table.columns)
        fitted = RowFormat.fit([*table.head, *table.rows], own or align, indent=indent)
        lines += [""] if lines else []
        lines += [heading(fitted._line(row, fitted.widths)) for row in table.head]
        lines += [fitted._line(row, fitted.widths) for row in table.rows]
    return lines


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
        title = [heading(escape_line(self.title))] if self.title else []
        return [*title, *_aligned(self.header, self.rows, self.align, indent)]

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
