"""Maps of rows by steps: where in the program, and when, something is large.

The script of the page adds a reading, a choice among several kinds of cells, and an order of rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from numlean.pages.data import data_block
from numlean.pages.html import Child, Html, element
from numlean.pages.numbers import format_number, power_of_two
from numlean.pages.svg import rectangle, svg, text

BOUNDS: Final = (-1, 0, 1, 2, 3, 5, 7)
"""Levels lie between powers of two with these exponents, and beyond."""
LEVELS: Final = len(BOUNDS) + 1

_LABEL: Final = 250
_CELLS: Final = 700
_ROW: Final = 18
_LETTERS: Final = 40
_TICKS: Final = 7
_LEAST: Final = 8
"""The least number of columns that share the width."""

Cells: TypeAlias = Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class Kind:
    """A kind of cells.

    Attributes:
        name: What its values are: ``relative error``.
        unit: In what units the levels count: ``2⁻⁷``.
        cells: Values by row and column; None where there is none.
        scale: The value of one unit.
        bounds: The bounds of the levels, in units.
    """

    name: str
    unit: str
    cells: Cells
    scale: float = 1.0
    bounds: tuple[float, ...] = tuple(2.0**k for k in BOUNDS)

    def level(self, value: float | None) -> int | None:
        """Return the level of a value, from 0; None for none."""
        if value is None:
            return None
        if not math.isfinite(value):
            return LEVELS - 1
        return sum(value >= bound * self.scale for bound in self.bounds)


def heat_map(
    rows: Sequence[str],
    columns: Sequence[str],
    kinds: Mapping[str, Kind],
    description: str,
    *,
    links: Sequence[str] = (),
    bounds: Sequence[str] = tuple(map(power_of_two, BOUNDS)),
    caption: Child = None,
    chosen: tuple[int, int | None] | None = None,
) -> Html:
    """Return a map as a figure; the first kind is drawn.

    Args:
        rows: The name of each row.
        columns: The name of each column.
        kinds: The kinds of cells, by a short name; all have a value for each row and column.
        description: What the map shows, for people who cannot see it.
        links: Where the name of each row leads.
        bounds: The texts of the bounds between levels.
        caption: A caption.
        chosen: The row and the column that are marked.
    """
    first = next(iter(kinds.values()))
    width = _CELLS / max(len(columns), _LEAST)
    whole = _LABEL + width * len(columns)
    drawn = [
        element(
            "g",
            _label(k, name, links[k] if links else ""),
            [
                rectangle(
                    _LABEL + j * width,
                    0,
                    max(width - 0.6, 0.4),
                    _ROW - 1,
                    _level_class(first, value),
                )
                for j, value in enumerate(first.cells[k])
            ],
            transform=f"translate(0 {k * _ROW})",
            class_="row",
        )
        for k, name in enumerate(rows)
    ]
    floor = len(rows) * _ROW
    gap = max(-(-len(columns) // _TICKS), 1)
    mark = None
    if chosen is not None:
        row, column = chosen
        x, w = (_LABEL, whole - _LABEL) if column is None else (_LABEL + column * width, width)
        mark = rectangle(x, row * _ROW, w, _ROW - 1, "chosen")
    drawing = svg(
        max(whole, _LABEL + _CELLS),
        floor + 34,
        description,
        drawn,
        mark,
        [
            text(_LABEL + (j + 0.5) * width, floor + 13, columns[j])
            for j in range(0, len(columns), gap)
        ],
        text(_LABEL, floor + 30, "step", anchor="start", class_="soft-text"),
        class_="plot map",
        has_links=any(links),
    )
    data = {
        "label": _LABEL,
        "row": _ROW,
        "width": width,
        "rows": list(rows),
        "columns": list(columns),
        "kinds": {
            name: {
                "name": kind.name,
                "unit": kind.unit,
                "scale": kind.scale,
                "bounds": list(kind.bounds),
                "cells": [[_plain(value) for value in row] for row in kind.cells],
            }
            for name, kind in kinds.items()
        },
    }
    return element(
        "figure",
        element("figcaption", caption) if caption else None,
        element("div", drawing, data_block(data), data_chart="map"),
        _key(first, bounds),
    )


def _plain(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else format_number(value)


def _label(k: int, name: str, link: str) -> Child:
    shown = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
    label = element(
        "text", element("title", name), shown, x=_LABEL - 6, y=_ROW - 5, text_anchor="end"
    )
    return element("a", label, href=link) if link else label


def _level_class(kind: Kind, value: float | None) -> str:
    level = kind.level(value)
    return "none" if level is None else f"level-{level}"


def _key(kind: Kind, bounds: Sequence[str]) -> Html:
    colours: list[Child] = [element("i", class_="box level-box-0")]
    for k, bound in enumerate(bounds):
        colours += [bound, element("i", class_=f"box level-box-{k + 1}")]
    return element(
        "p",
        element("span", kind.name, class_="kind-name"),
        ", in units of ",
        element("span", kind.unit, class_="kind-unit"),
        ": ",
        colours,
        class_="legends levels",
    )
