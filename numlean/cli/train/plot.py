"""Plot of the losses of a run."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Final

from numlean.analysis.report.plot_style import (
    check_plot_suffix,
    plot_file,
    plot_text,
    style_axes,
)
from numlean.cli.options import check_writable

_WIDE_RANGE: Final = 30.0
"""Ratio of the largest to the smallest loss above which the axis is logarithmic."""
_FEW: Final = 60
"""Maximum number of evaluations with a marker; the markers of more would overlap."""


def check_path(path: str) -> None:
    """Raise an error before a run, not after it, if its plot cannot be written.

    Raises:
        NumleanError: The file is neither .png nor .svg, or its folder does not exist.
    """
    check_plot_suffix(path, "--plot FILE")
    check_writable("--plot", path)


def draw(
    path: str,
    title: str,
    losses: Sequence[tuple[int, float]],
    evaluations: Sequence[tuple[int, float]],
) -> None:
    """Draw the losses of batches and of the test data over the number of updates.

    Equal numbers give equal files. Values that are not finite leave a gap, and the title says so.

    Raises:
        NumleanError: The file cannot be written.
    """
    from matplotlib.ticker import MaxNLocator

    with plot_file(path, 4.5) as figure:
        axes = figure.add_subplot()
        # A single point has no line, so it needs a marker.
        (batches,) = axes.plot(*_columns(losses), marker="o" if len(losses) == 1 else "")
        batches.set(label="training batch", color="#4c78a8", linewidth=0.9, alpha=0.75)
        if evaluations:
            marker = "o" if len(evaluations) <= _FEW else ""
            (tests,) = axes.plot(*_columns(evaluations), marker=marker, markersize=4)
            tests.set(label="test data", color="#e45756", linewidth=1.8)
        axes.set_title(plot_text(title) + _not_finite(losses, evaluations), loc="left", fontsize=11)
        axes.set_xlabel("updates")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("loss")
        if _is_wide([loss for _, loss in (*losses, *evaluations)]):
            axes.set_yscale("log")
        style_axes(axes)
        figure.legend(loc="outside upper right", ncols=2, frameon=False)


def _not_finite(
    losses: Sequence[tuple[int, float]], evaluations: Sequence[tuple[int, float]]
) -> str:
    """Return where losses are first not finite; "" if all are finite."""
    kinds = {"training": losses, "test": evaluations}
    first = {
        kind: min((x for x, y in points if not isfinite(y)), default=None)
        for kind, points in kinds.items()
    }
    found = [f"{kind} loss not finite from {x}" for kind, x in first.items() if x is not None]
    return "".join(f"\n{each}" for each in found)


def _columns(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _is_wide(losses: Sequence[float]) -> bool:
    finite = [loss for loss in losses if 0 <= loss < float("inf")]
    return bool(finite) and min(finite) > 0 and max(finite) > _WIDE_RANGE * min(finite)
