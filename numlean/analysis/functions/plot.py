"""A plot of a function's errors."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from numlean.analysis.functions.result import FunctionResult
from numlean.analysis.report.plot_style import (
    check_plot_suffix,
    plot_file,
    plot_text,
    style_axes,
)
from numlean.scalar.operations import CONVERSIONS
from numlean.scalar.precision import precision_of

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
    """Draw the errors, with zero at the bottom; values that are not finite are gaps.

    One arithmetic is drawn in its ulps. Several are drawn relative to the exact values, because
    each has its own ulps.

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
        title = plot_text(f"{comparison.name}: distance from {comparison.truth}")
        figure.suptitle(title, fontsize=11)
        handles, labels = lower.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)


def _draw_results(axes: Axes, comparison: FunctionComparison) -> None:
    points = comparison.points
    x = np.arange(len(comparison.places)) if points is None else points
    finite = np.isfinite(x) & (x > 0)
    if points is not None and finite.all() and x.max() > 1000 * x.min():
        axes.set_xscale("log")
    order = np.argsort(x, kind="stable")
    several = len(comparison.results) > 1
    lines = [
        (r.dtype, x[order], (r.relative if several else r.ulps).reshape(-1)[order])
        for r in comparison.results
    ]
    what = "place in the result" if points is None else "argument"
    _draw_lines(axes, lines, what, "relative error" if several else _unit(comparison))
    axes.set_title("error of each number of the result", loc="left", fontsize=10)


def _draw_operations(axes: Axes, comparison: FunctionComparison) -> None:
    from matplotlib.ticker import MaxNLocator

    lines, several = [], len(comparison.results) > 1
    for result in comparison.results:
        # Conversions of literals are left out: their errors do not depend on earlier operations.
        computed = [each for each in result.operations if each.operation not in CONVERSIONS]
        numbers = np.array([each.number for each in computed])
        errors = np.array([each.accumulated for each in computed])
        lines.append((result.dtype, numbers, errors * _ulp_at_one(result) if several else errors))
    unit = "error relative to the exact value's\npower of two" if several else _unit(comparison)
    _draw_lines(axes, lines, "operation, in program order", unit)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("error after each operation", loc="left", fontsize=10)


def _unit(comparison: FunctionComparison) -> str:
    return f"error in ulps of {comparison.results[0].dtype}"


def _ulp_at_one(result: FunctionResult) -> float:
    """Return the ulp of numbers from 1 to 2: errors in ulps times this are relative."""
    tensor = result.result[0] if isinstance(result.result, tuple) else result.result
    return float(2.0 ** (1 - precision_of(tensor.scalar)))


def _draw_lines(axes: Axes, lines: list[tuple[str, Any, Any]], what: str, unit: str) -> None:
    from matplotlib.ticker import SymmetricalLogLocator

    drawn = np.abs(np.concatenate([np.zeros(0), *(errors for _, _, errors in lines)]))
    least = drawn[np.isfinite(drawn) & (drawn > 0)].min(initial=1.0)

    for (label, x, errors), (color, line, mark) in zip(lines, cycle(_STYLES), strict=False):
        size = np.where(np.isfinite(errors), np.abs(errors), np.nan)
        every = max(len(x) // _FEW, 1)
        axes.plot(x, size, color=color, ls=line, marker=mark, markevery=every, ms=4, label=label)
    threshold = 10.0 ** np.floor(np.log10(least))
    axes.set_yscale("symlog", linthresh=threshold)
    ticks = SymmetricalLogLocator(base=10, linthresh=threshold)
    ticks.set_params(numticks=_TICKS)
    axes.yaxis.set_major_locator(ticks)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(what)
    axes.set_ylabel(unit)
    style_axes(axes)
