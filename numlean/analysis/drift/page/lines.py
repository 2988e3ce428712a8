"""Draw curves that differ by dashes, markers and labels, not by colour alone."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from numlean.analysis.drift.page.curves import Curve
from numlean.analysis.drift.page.numbers import format_number, power_of_ten
from numlean.analysis.drift.page.svg import as_svg, page_style, series_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DASHES: Final[tuple[Any, ...]] = (
    *("-", (0, (6, 2)), (0, (2, 1.4)), (0, (7, 2, 1.5, 2))),
    *((0, (4, 1.4, 1.4, 1.4, 1.4, 1.4)), (0, (9, 3)), (0, (1, 1))),
)
_MARKS: Final = ("o", "s", "^", "D", "v", "P", "X")
_WIDTH: Final = 5.1
_HEIGHT: Final = 2.35
"""The least height of the axes in inches; more with many labels."""
_ABOVE, _BELOW = 0.27, 0.45
_LEFT, _INNER = 0.13, 0.5
"""The left edge and the width of the axes, relative to the figure; labels stand to the right."""
_LINE: Final = 0.165
"""The height of a line of a label, in inches."""
_LETTERS: Final = 19
_MARKED: Final = 6
"""The number of markers on a curve."""
_WIDE: Final = 30.0
"""Ratio of greatest to least value from which an axis is logarithmic."""


def draw_curves(
    name: str, curves: Sequence[Curve], ylabel: str, description: str, *, log: bool | None = None
) -> str:
    """Return curves with bands as SVG; by default with a log axis for a wide range of values."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    with page_style():
        log = _is_wide(curves) if log is None else log
        texts = [_text(curve, log=log) for curve in curves]
        heights = [_LINE * (text.count("\n") + 1) + 0.05 for text in texts]
        inner = max(_HEIGHT, sum(heights))
        whole = inner + _ABOVE + _BELOW
        figure = Figure(figsize=(_WIDTH, whole))
        axes = figure.add_axes((_LEFT, _BELOW / whole, _INNER, inner / whole))
        for k, curve in enumerate(curves):
            _draw(axes, curve, len(curves) - 1 - k, log=log)
        axes.set_xlabel("step")
        axes.set_title(ylabel, loc="left", x=-0.2, fontsize="medium", pad=7)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_number(value, 6)))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
        if log:
            _make_logarithmic(axes, curves)
        axes.margins(x=0.03)
        figure.draw_without_rendering()
        ends = [_end(axes, curve, log=log) for curve in curves]
        _label(axes, curves, texts, ends, [height / inner for height in heights])
        return as_svg(figure, name, description)


def curve_style(style: int) -> dict[str, Any]:
    """Return the style of a run's curve."""
    return {
        "color": series_colour(style),
        "linestyle": _DASHES[style % len(_DASHES)],
        "marker": _MARKS[style % len(_MARKS)],
        "markersize": 4,
        "linewidth": 1.6,
    }


def _draw(axes: Axes, curve: Curve, above: int, *, log: bool) -> None:
    """Draw a curve wide enough to show beneath the curves drawn above it."""
    least, middle, greatest = (
        [value if value > 0 or not log else math.nan for value in values]
        for values in (curve.least, curve.middle, curve.greatest)
    )
    gap = max(len(curve.steps) // _MARKED, 1)
    first = min(curve.style * gap // 5, max(len(curve.steps) - 1, 0))
    wide = {"linewidth": 1.5 + 0.8 * min(above, 5), "markersize": 3.5 + 1.3 * min(above, 5)}
    axes.plot(curve.steps, middle, markevery=(first, gap), **{**curve_style(curve.style), **wide})
    if curve.least != curve.greatest:
        band: dict[str, Any] = {"color": series_colour(curve.style), "alpha": 0.16, "linewidth": 0}
        axes.fill_between(curve.steps, least, greatest, **band)


def _make_logarithmic(axes: Axes, curves: Sequence[Curve]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    few = low > 0 and high / low < 100
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _is_wide(curves: Sequence[Curve]) -> bool:
    values = [v for c in curves for v in (*c.least, *c.greatest) if math.isfinite(v)]
    return bool(values) and min(values) > 0 and max(values) > _WIDE * min(values)


def _label(
    axes: Axes,
    curves: Sequence[Curve],
    texts: Sequence[str],
    ends: Sequence[tuple[float, float] | None],
    heights: Sequence[float],
) -> None:
    """Label each curve next to its end, without overlaps."""
    preferred = [0.0 if end is None else end[1] for end in ends]
    for curve, text, end, y in zip(
        curves, texts, ends, spread_labels(preferred, heights), strict=True
    ):
        sample = {**curve_style(curve.style), "clip_on": False, "transform": axes.transAxes}
        axes.plot([1.075, 1.125, 1.175], [y] * 3, markevery=[1], **sample)
        axes.text(1.2, y, text, transform=axes.transAxes, va="center", linespacing=1.25)
        if end is not None and end[0] > 0.9:
            leader: dict[str, Any] = {
                "color": series_colour(curve.style),
                "linewidth": 0.6,
                "clip_on": False,
            }
            axes.plot([end[0], 1.07], [end[1], y], transform=axes.transAxes, **leader)


def _text(curve: Curve, *, log: bool) -> str:
    parts = re.split(r"(?=@)|(?<=,)", curve.name)
    lines = [line for part in parts for line in textwrap.wrap(part, _LETTERS)]
    lines = lines if len(lines) <= 3 else [*lines[:2], lines[2][: _LETTERS - 1] + "…"]
    last = curve.last
    if last is None:
        lines.append("(no value)" if not curve.steps else "(not finite)")
    elif log and not any(value > 0 for value in curve.middle):
        lines.append("(0: no error)")
    elif last < len(curve.steps) - 1:
        lines.append(f"(to step {curve.steps[last]})")
    return "\n".join(lines)


def _end(axes: Axes, curve: Curve, *, log: bool) -> tuple[float, float] | None:
    """Return a curve's last point, relative to the axes."""
    shown = [
        (x, y)
        for x, y in zip(curve.steps, curve.middle, strict=True)
        if math.isfinite(y) and (y > 0 or not log)
    ]
    if not shown:
        return None
    x, y = axes.transAxes.inverted().transform(axes.transData.transform(shown[-1]))
    return float(x), float(y)


def spread_labels(preferred: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Return positions near the preferred ones, in the same order, so that labels do not overlap.

    They stay between 0 and 1 while there is room.
    """
    order = sorted(range(len(preferred)), key=lambda k: preferred[k])
    places = list(preferred)
    floor = 0.0
    for k in order:
        places[k] = max(preferred[k], floor + heights[k] / 2)
        floor = places[k] + heights[k] / 2
    ceiling = max(1.0, sum(heights))
    for k in reversed(order):
        places[k] = min(places[k], ceiling - heights[k] / 2)
        ceiling = places[k] - heights[k] / 2
    return places
