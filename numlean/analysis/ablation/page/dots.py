"""Figures of one value for each row of an ablation, with its seeds and its spread."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from numlean.analysis.ablation.directions import PROMOTED
from numlean.analysis.ablation.statistics import Sample
from numlean.analysis.ablation.variants import EVERYTHING, UNCHANGED
from numlean.analysis.drift.page.numbers import format_number, power_of_ten
from numlean.analysis.drift.page.svg import INK, PAPER, as_svg, page_style, series_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from numlean.analysis.ablation.figures import Figure
    from numlean.analysis.ablation.result import Ablation, Row

_WIDTH: Final = 5.1
_LINE: Final = 0.155
"""The height of a line of a label, in inches."""
_GAP: Final = 0.09
_BELOW: Final = 0.4
_LETTERS: Final = 26
_LETTER: Final = 0.066
"""The greatest average width of a letter, in inches."""
_WIDE: Final = 30.0
"""Ratio of the greatest to the median magnitude from which an axis is logarithmic."""


@dataclass(frozen=True)
class _Dots:
    """A row of a figure.

    Attributes:
        label: The lines of the name.
        sample: The values.
        note: A text in place of values.
        style: The index of the colour.
        mark: The marker.
        is_filled: Whether the mean's mark is filled.
    """

    label: str
    sample: Sample
    note: str
    style: int
    mark: str
    is_filled: bool

    @property
    def height(self) -> float:
        """The height in inches."""
        return _LINE * (self.label.count("\n") + 1) + _GAP


def draw_differences(
    name: str, result: Ablation, figure: Figure, description: str, *, factor: float = 1.0
) -> str:
    """Return the differences of all rows from the unchanged policy as SVG."""
    rows = []
    for row in result.rows:
        if row.variant.part == UNCHANGED or not row.runs:
            continue
        found = result.difference(row, figure)
        note = "same bits" if result.has_same_bits(row) else _note(found)
        scaled = Sample(tuple(factor * value for value in found.values))
        rows.append(_dots(row, scaled, note, is_filled=result.exceeds_spread(row, figure)))
    return _draw(name, rows, description, is_difference=True)


def draw_values(name: str, result: Ablation, figure: Figure, description: str) -> str:
    """Return a figure of all rows as SVG, on a logarithmic axis."""
    rows = []
    for row in result.rows:
        if row.runs:
            found = row.sample(figure)
            filled = result.exceeds_spread(row, figure)
            rows.append(_dots(row, found, _note(found), is_filled=filled))
    return _draw(name, rows, description, is_difference=False)


def _dots(row: Row, sample: Sample, note: str, *, is_filled: bool) -> _Dots:
    label = "\n".join(textwrap.wrap(row.name, _LETTERS, break_long_words=False))
    direction, part = row.variant.direction, row.variant.part
    if part in (UNCHANGED, EVERYTHING):
        return _Dots(label, sample, note, 2, "D", is_filled)
    promoted = direction == PROMOTED
    return _Dots(label, sample, note, 0 if promoted else 1, "o" if promoted else "s", is_filled)


def _note(sample: Sample) -> str:
    if sample.is_finite:
        return ""
    return f"not finite in {sample.count - len(sample.finite)} of {sample.count}"


def _draw(name: str, rows: Sequence[_Dots], description: str, *, is_difference: bool) -> str:
    from matplotlib.figure import Figure as Drawing

    with page_style():
        inner = max(sum(row.height for row in rows), _LINE)
        whole = inner + _BELOW
        lines = [line for row in rows for line in row.label.split("\n")]
        left = (0.15 + _LETTER * max(map(len, lines), default=0)) / _WIDTH
        drawing = Drawing(figsize=(_WIDTH, whole))
        axes = drawing.add_axes((left, _BELOW / whole, 0.97 - left, inner / whole))
        values = [value for row in rows for value in row.sample.finite]
        _set_scale(axes, values, is_difference=is_difference)
        places, y = [], 0.0
        for row in rows:
            places.append(y + row.height / 2)
            y += row.height
            _draw_row(axes, row, places[-1], is_difference=is_difference)
        axes.set_yticks(places, [row.label for row in rows])
        axes.set_ylim(max(y, _LINE), 0)
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        return as_svg(drawing, name, description)


def _set_scale(axes: Axes, values: Sequence[float], *, is_difference: bool) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    sizes = [abs(value) for value in values if value]
    if is_difference:
        axes.axvline(0, color=INK, linewidth=0.9)
        if sizes and max(sizes) > _WIDE * median(sizes):
            axes.set_xscale("symlog", linthresh=median(sizes), linscale=1.0)
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xticks(_symmetric_ticks(values, median(sizes)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_number(value, 3)))
    elif sizes and min(values) > 0:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))
    axes.margins(x=0.06)


def _symmetric_ticks(values: Sequence[float], threshold: float) -> list[float]:
    """Return 0, and at most three powers of ten in each direction, clear of the linear part."""
    ticks = [0.0]
    least = math.ceil(math.log10(threshold) + 0.5)
    for sign in (-1, 1):
        greatest = max(sign * value for value in values)
        powers = range(least, math.floor(math.log10(max(greatest, threshold))) + 1)
        gap = max(-(-len(powers) // 3), 1)
        ticks += [sign * 10.0**k for k in powers[::-1][::gap]]
    return sorted(ticks)


def _draw_row(axes: Axes, row: _Dots, y: float, *, is_difference: bool) -> None:
    colour = series_colour(row.style)
    plain: dict[str, Any] = {"linestyle": "", "marker": row.mark, "color": colour}
    finite = row.sample.finite
    axes.plot(finite, [y] * len(finite), markersize=2.5, alpha=0.6, **plain)
    mean, spread = row.sample.mean, row.sample.deviation
    if math.isfinite(mean):
        if spread is not None and (is_difference or mean - spread > 0):
            axes.plot([mean - spread, mean + spread], [y, y], color=colour, linewidth=1.4)
        face = colour if row.is_filled else PAPER
        axes.plot([mean], [y], markersize=6, markerfacecolor=face, **plain)
    if row.note:
        box: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
        axes.text(0.99, y, row.note, ha="right", fontsize=7.5, **box)
