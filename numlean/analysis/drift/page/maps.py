"""A map of layers by steps: where in the program, and when, errors grow."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from numlean.analysis.drift.error_stats import ErrorStats
from numlean.analysis.drift.page.numbers import power_of_two
from numlean.analysis.drift.page.svg import PAPER, as_svg, level_colour, page_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from numlean.analysis.drift.result import Comparison

T = TypeVar("T")

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
    rows = result.layers[dtype]
    measure = result.header["measures"][dtype]
    precision = measure.get("layers_grid", measure["grid"])["precision"]
    return draw_levels(
        name,
        [(_label(*where), by_step) for where, by_step in rows.items()],
        lambda found: _level(_merge(found), precision),
        [power_of_two(bound) for bound in _BOUNDS],
        f"relative error, in units of {power_of_two(1 - precision)}",
        f"Errors of {dtype} by layer and step; the tables list them",
    )


def draw_levels(
    name: str,
    rows: Sequence[tuple[str, Mapping[int, T]]],
    level: Callable[[Sequence[T]], float],
    bounds: Sequence[str],
    unit: str,
    description: str,
) -> str:
    """Return a map of levels by row and step as SVG.

    Args:
        name: A name that is unique within the page.
        rows: The label of each row, and its figures by step.
        level: Returns the level of some steps, from 0 to ``LEVELS`` - 1; NaN for none.
        bounds: The texts of the bounds between levels.
        unit: What the bounds are.
        description: A description for screen readers.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    groups = _groups(sorted({step for _, by_step in rows for step in by_step}))
    cells = [
        [level([by_step[step] for step in group if step in by_step]) for group in groups]
        for _, by_step in rows
    ]
    with page_style():
        inner, above, below = _ROW * len(rows), 0.08, 1.0
        whole = inner + above + below
        figure = Figure(figsize=(_WIDTH, whole))
        labels = [shortened(label) for label, _ in rows]
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
        _draw_scale(scale, looks, bounds)
        scale.set_xlabel(unit, labelpad=2)
        return as_svg(figure, name, description)


def _set_steps(axes: Axes, groups: Sequence[Sequence[int]]) -> None:
    spacing = max(-(-len(groups) // 7), 1)
    places = range(0, len(groups), spacing)
    axes.set_xticks([k + 0.5 for k in places], [str(groups[k][0]) for k in places])
    axes.set_xlabel("step", labelpad=1)


def _draw_scale(axes: Axes, looks: dict[str, Any], bounds: Sequence[str]) -> None:
    axes.pcolormesh([[*range(LEVELS)]], edgecolors=PAPER, linewidth=0.7, **looks)
    axes.set_xticks(range(1, LEVELS), bounds)
    axes.set_yticks([])
    axes.grid(False)
    axes.tick_params(length=0, pad=1)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _groups(steps: Sequence[int]) -> list[list[int]]:
    """Return groups of neighbouring steps, to limit the number of columns."""
    size = max(-(-len(steps) // _COLUMNS), 1)
    return [[*steps[k : k + size]] for k in range(0, len(steps), size)]


def _merge(found: Sequence[ErrorStats]) -> ErrorStats:
    whole = ErrorStats()
    for each in found:
        whole.merge(each)
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
    return f"{phase} · {layer}" if layer else phase


def shortened(text: str, letters: int = _LETTERS) -> str:
    """Return a label of at most that many letters; by default one that fits next to a map."""
    return text if len(text) <= letters else text[: letters - 1] + "…"
