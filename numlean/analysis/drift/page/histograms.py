"""The distributions of errors by powers of two: of parameters, and of the results of operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from numlean.analysis.drift.operations import Key, OperationErrors
from numlean.pages.bars import Bars, bar_chart
from numlean.pages.html import Child, Html

if TYPE_CHECKING:
    from numlean.analysis.drift.error_stats import ErrorStats
    from numlean.analysis.drift.result import Comparison

_LEAST: Final = -8
"""Smaller errors than two to this power, in ulps of numbers with all bits, are drawn as one bar."""


def parameter_histograms(result: Comparison, caption: Child) -> Html:
    """Return a row of bars for each run, after the last step and over all seeds.

    Errors are relative to the power of two of the number, so that all rows have one axis.
    """
    return bar_chart(
        [_parameters(result, dtype) for dtype in result.measured],
        "relative error, each bar from its power of two to the next",
        "Relative errors of the parameters by powers of two, one row for each dtype",
        caption=caption,
    )


def _parameters(result: Comparison, dtype: str) -> Bars:
    """Return the counts of errors; bin k has those from 2**k on and less than 2**(k + 1)."""
    ulp = int(1 - result.header["measures"][dtype]["grid"]["precision"])
    counts, exact, special = Counter[int](), 0, 0
    for record in result.last(dtype):
        parameters = record["parameters"]
        exact += parameters["exact"]
        special += parameters["infinite"] + parameters["unknown"]
        for k, count in parameters["relative_histogram"].items():
            counts[max(int(k), _LEAST + ulp)] += count
    return Bars(dtype, counts, exact, special, result.dtypes.index(dtype), mark=ulp)


def operation_histograms(operations: Sequence[tuple[Key, OperationErrors]]) -> Iterator[Html]:
    """Yield a figure of each operation: its total, local and inherited errors in ulp."""
    for (phase, layer, name), errors in operations:
        title = " · ".join(part for part in (phase, layer, name) if part)
        parts = {"total": errors.total, "local": errors.local, "inherited": errors.inherited}
        rows = [_bars(part, stats, k) for k, (part, stats) in enumerate(parts.items())]
        yield bar_chart(
            [row for row in rows if row.total],
            "error in ulp, each bar from its power of two to the next",
            f"Errors of {title} in ulp by powers of two",
            caption=f"{title}: {errors.calls:,} calls; the line stands at one ulp.",
        )


def _bars(name: str, stats: ErrorStats, style: int) -> Bars:
    beyond = stats.infinite + stats.unknown
    return Bars(name, stats.histogram, stats.exact, beyond, style, mark=0)
