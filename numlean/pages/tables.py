"""Tables that the script of the page sorts, filters, and cuts into pages if they are long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from numlean.pages.data import data_block
from numlean.pages.html import Child, Html, element
from numlean.pages.layout import scrolling
from numlean.text_table import TextTable, column_alignment

SHOWN: Final = 100
"""The rows of one page of a table."""


def data_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    align: str = "<>",
    *,
    label: str,
    css_class: str = "",
    title: str = "",
    links: Mapping[int, str] | None = None,
) -> Html:
    """Return a table that scrolls by itself where the page is narrow.

    Only the first rows of a long table are elements of the page; the script shows the others.

    Args:
        head: The titles of the columns.
        rows: The cells.
        align: The alignment, as that of ``TextTable``.
        label: What the table is, for people who cannot see it.
        css_class: The class of its style.
        title: A line above it, or "".
        links: The identifiers of rows that charts lead to, by the index of the row.
    """
    cells = [tuple(row) for row in rows]
    marks = links or {}

    def classes(column: int) -> str | None:
        return "number" if column_alignment(align, column) == ">" else None

    table = element(
        "table",
        element("caption", title) if title else None,
        element(
            "thead",
            element(
                "tr",
                [
                    element("th", name, scope="col", class_=classes(k))
                    for k, name in enumerate(head)
                ],
            ),
        ),
        element(
            "tbody",
            [
                element(
                    "tr",
                    [element("td", cell, class_=classes(k)) for k, cell in enumerate(row)],
                    id=marks.get(j),
                )
                for j, row in enumerate(cells[:SHOWN])
            ],
        ),
        class_=css_class or None,
    )
    rest: Child = None
    if len(cells) > SHOWN:
        rest = (
            element(
                "p",
                f"Rows 1 to {SHOWN} of {len(cells):,}; the script of this page shows the others.",
                class_="soft pages",
            ),
            data_block({"rows": cells, "shown": SHOWN, "ids": marks}),
        )
    return element("div", scrolling(label, table), rest, class_="table")


def whole_table(table: TextTable, *, label: str, css_class: str = "") -> Html:
    """Return a table of texts as a table of a page."""
    return data_table(
        table.header, table.rows, table.align, label=label, css_class=css_class, title=table.title
    )


def definition_list(shown: Mapping[str, str]) -> Html:
    """Return texts by name."""
    return element(
        "dl", [(element("dt", name), element("dd", value)) for name, value in shown.items()]
    )
