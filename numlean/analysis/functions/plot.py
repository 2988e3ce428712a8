"""A plot of a function's errors."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from numlean.analysis.report.plot_style import check_plot_suffix, plot_file, style_axes
from numlean.scalar.operations import CONVERSIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from numlean.analysis.functions.comparison import FunctionComparison

_FEW: Final = 40
"""The number of points with markers; more would overlap."""
_TICKS: Final = 9
_STYLES: Final = (
    ("#0072b2", "-", "o"),
    ("#d55e00", "--", "s"),
    ("#009e73", "-.", "^"),
    ("#cc79a7", ":", "D"),
    ("#e69f00", (0, (5, 1, 1, 1)), "v"),
    ("#56b4e9", (0, (3, 3)), "P"),
)
"""Colours that colour-blind people can distinguish, each with its own dashes and marker."""


def draw(comparison: FunctionComparison, path: str) -> None:
    """Draw the errors in ulps, with zero at the bottom; values that are not finite are gaps.

    Raises:
        NumleanError: The file is neither .png nor .svg, or cannot be written.
    """
    check_plot_suffix(path)
    several = len(comparison.places) > 1
    with plot_file(path, 8 if several else 4.5) as figure:
        *upper, lower = figure.subplots(1 + several, squeeze=False)[:, 0]
        if several:
            _draw_results(upper[0], comparison)
        _draw_operations(lower, comparison)
        figure.suptitle(f"{comparison.name}: distance from {comparison.truth}", fontsize=11)
        handles, labels = lower.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)


def _draw_results(axes: Axes, comparison: FunctionComparison) -> None:
    points = comparison.points
    x = np.arange(len(comparison.places)) if points is None else points
    finite = np.isfinite(x) & (x > 0)
    if points is not None and finite.all() and x.max() > 1000 * x.min():
        axes.set_xscale("log")
    order = np.argsort(x, kind="stable")
    lines = [(r.dtype, x[order], r.ulps.reshape(-1)[order]) for r in comparison.results]
    _draw_lines(axes, lines, "place in the result" if points is None else "argument")
    axes.set_title("error of each number of the result", loc="left", fontsize=10)


def _draw_operations(axes: Axes, comparison: FunctionComparison) -> None:
    from matplotlib.ticker import MaxNLocator

    lines = []
    for result in comparison.results:
        # Conversions of literals are left out: their errors do not depend on earlier operations.
        computed = [each for each in result.operations if each.operation not in CONVERSIONS]
        numbers = np.array([each.number for each in computed])
        lines.append((result.dtype, numbers, np.array([each.accumulated for each in computed])))
    _draw_lines(axes, lines, "operation, in program order")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("error after each operation", loc="left", fontsize=10)


def _draw_lines(axes: Axes, lines: list[tuple[str, Any, Any]], what: str) -> None:
    from matplotlib.ticker import SymmetricalLogLocator

    for (label, x, errors), (color, line, mark) in zip(lines, cycle(_STYLES), strict=False):
        size = np.where(np.isfinite(errors), np.abs(errors), np.nan)
        every = max(len(x) // _FEW, 1)
        axes.plot(x, size, color=color, ls=line, marker=mark, markevery=every, ms=4, label=label)
    axes.set_yscale("symlog", linthresh=1)
    ticks = SymmetricalLogLocator(base=10, linthresh=1)
    ticks.set_params(numticks=_TICKS)
    axes.yaxis.set_major_locator(ticks)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(what)
    axes.set_ylabel("error in ulp")
    style_axes(axes)
