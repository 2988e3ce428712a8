"""A map of layers by steps: where in the program, and when, errors grow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from numlean.analysis.drift.error_stats import ErrorStats
from numlean.analysis.drift.page.numbers import power_of_two
from numlean.analysis.drift.page.svg import PAPER, as_svg, level_colour, page_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from numlean.analysis.drift.result import Comparison

_BOUNDS: Final = (-1, 0, 1, 2, 3, 5, 7)
"""Levels lie between powers of two with these exponents, and beyond."""
LEVELS: Final = len(_BOUNDS) + 1
_COLUMNS: Final = 40
_LETTERS: Final = 42
_WIDTH: Final = 4.9
_ROW: Final = 0.2
_LETTER: Final = 0.066
"""The greatest average width of a letter, in inches."""


def draw_map(name: str, result: Comparison, dtype: str) -> str:
    """Return the relative errors of a run's layers over the steps as SVG."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    rows = result.layers[dtype]
    groups = _groups(sorted({step for by_step in rows.values() for step in by_step}))
    measure = result.header["measures"][dtype]
    precision = measure.get("layers_grid", measure["grid"])["precision"]
    cells = [
        [_level(_merge(by_step, group), precision) for group in groups] for by_step in rows.values()
    ]
    with page_style():
        inner, above, below = _ROW * len(rows), 0.08, 1.0
        whole = inner + above + below
        figure = Figure(figsize=(_WIDTH, whole))
        labels = [_label(*where) for where in rows]
        left = (0.12 + _LETTER * max(map(len, labels))) / _WIDTH
        axes = figure.add_axes((left, below / whole, 0.97 - left, inner / whole))
        colours = ListedColormap([level_colour(k) for k in range(LEVELS)])
        looks: dict[str, Any] = {"cmap": colours, "vmin": -0.5, "vmax": LEVELS - 0.5}
        axes.pcolormesh(cells, edgecolors=PAPER, linewidth=0.7, **looks)
        axes.set_yticks([k + 0.5 for k in range(len(rows))], labels)
        axes.invert_yaxis()
        _set_steps(axes, groups)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(length=0)
        axes.grid(False)
        scale = figure.add_axes((left, 0.4 / whole, 0.97 - left, 0.12 / whole))
        _draw_scale(scale, looks)
        scale.set_xlabel(f"relative error, in units of {power_of_two(1 - precision)}", labelpad=2)
        return as_svg(figure, name, f"Errors of {dtype} by layer and step; the tables list them")


def _set_steps(axes: Axes, groups: Sequence[Sequence[int]]) -> None:
    spacing = max(-(-len(groups) // 7), 1)
    places = range(0, len(groups), spacing)
    axes.set_xticks([k + 0.5 for k in places], [str(groups[k][0]) for k in places])
    axes.set_xlabel("step", labelpad=1)


def _draw_scale(axes: Axes, looks: dict[str, Any]) -> None:
    axes.pcolormesh([[*range(LEVELS)]], edgecolors=PAPER, linewidth=0.7, **looks)
    axes.set_xticks(range(1, LEVELS), [power_of_two(bound) for bound in _BOUNDS])
    axes.set_yticks([])
    axes.grid(False)
    axes.tick_params(length=0, pad=1)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _groups(steps: Sequence[int]) -> list[list[int]]:
    """Return groups of neighbouring steps, to limit the number of columns."""
    size = max(-(-len(steps) // _COLUMNS), 1)
    return [[*steps[k : k + size]] for k in range(0, len(steps), size)]


def _merge(by_step: dict[int, ErrorStats], group: Sequence[int]) -> ErrorStats:
    whole = ErrorStats()
    for step in group:
        if step in by_step:
            whole.merge(by_step[step])
    return whole


def _level(stats: ErrorStats, precision: int) -> float:
    """Return the level of a relative error in units of 2**(1 - precision); NaN for none."""
    if not stats.is_measured:
        return math.nan
    if math.isinf(stats.relative):
        return LEVELS - 1
    if stats.relative == 0:
        return 0
    exponent = math.log2(stats.relative) + precision - 1
    return sum(exponent >= bound for bound in _BOUNDS)


def _label(phase: str, layer: str) -> str:
    text = f"{phase} · {layer}" if layer else phase
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"
