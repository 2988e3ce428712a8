"""The distribution of the errors of parameters, by powers of two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from numlean.analysis.drift.page.numbers import power_of_two
from numlean.analysis.drift.page.svg import INK, as_svg, page_style, series_colour

if TYPE_CHECKING:
    from numlean.analysis.drift.result import Comparison

_WIDTH: Final = 4.9
_ROW: Final = 0.85
_HATCHES: Final = ("", "////", "....", "xxxx", "\\\\\\\\", "----", "++++", "oooo")
_NOT_FINITE: Final = "not finite"
_LEAST: Final = -8
"""Smaller errors than two to this power, in ulps of numbers with all bits, are drawn as one bar."""


def draw_histograms(name: str, result: Comparison) -> str:
    """Return a row of bars for each run, after the last step and over all seeds, as SVG.

    Errors are relative to the power of two of the number, so that all rows have one axis.
    """
    from matplotlib.figure import Figure

    found = {dtype: _shares(result, dtype) for dtype in result.measured}
    bins = [k for shares in found.values() for k in shares if isinstance(k, int)]
    low, high = min(bins, default=0), max(bins, default=0)
    gap = max(1.8, 0.11 * (high - low))
    exact = low - gap
    beyond = high + gap if any(_NOT_FINITE in shares for shares in found.values()) else None
    with page_style():
        whole = _ROW * len(found) + 0.5
        figure = Figure(figsize=(_WIDTH, whole))
        for row, (dtype, shares) in enumerate(found.items()):
            bottom = whole - _ROW * (row + 1)
            axes = figure.add_axes((0.115, bottom / whole, 0.86, 0.55 / whole))
            style = result.dtypes.index(dtype)
            draw_bars(axes, shares, {None: exact, _NOT_FINITE: beyond}, style)
            # The bar of errors from one ulp to two begins here.
            axes.axvline(_ulp(result, dtype) - 0.5, color=INK, linewidth=0.9, linestyle=":")
            axes.set_xlim(exact - 0.8, (high if beyond is None else beyond) + 0.6)
            axes.set_title(_title(dtype, shares), loc="left", fontsize=8.5, pad=2)
            axes.set_ylim(0, 105 * max(shares.values(), default=0.1))
            names = ("exact", _NOT_FINITE)
            draw_ticks(axes, (exact, beyond), (low, high), names, named=row == len(found) - 1)
            if row == len(found) - 1:
                axes.set_xlabel("relative error, each bar from its power of two to the next")
        return as_svg(
            figure,
            name,
            "Relative errors of the parameters by powers of two, one row for each dtype",
        )


def _title(dtype: str, shares: dict[int | str | None, float]) -> str:
    share = shares.get(_NOT_FINITE, 0.0) if shares else 1.0
    if share == 1:
        return f"{dtype}: no finite number"
    return f"{dtype}: {100 * share:.3g} % not finite" if share else dtype


def _ulp(result: Comparison, dtype: str) -> int:
    """Return the exponent of an ulp of a number with all bits, relative to its power of two."""
    return int(1 - result.header["measures"][dtype]["grid"]["precision"])


def _shares(result: Comparison, dtype: str) -> dict[int | str | None, float]:
    """Return the fraction of the errors in each bin; None is the bin of exact numbers.

    Bin k contains the errors of at least 2**k and less than 2**(k + 1), divided by the power of two
    of the number.
    """
    counts: Counter[int | str | None] = Counter()
    for record in result.last(dtype):
        parameters = record["parameters"]
        counts[None] += parameters["exact"]
        special = parameters["infinite"] + parameters["unknown"]
        counts.update({_NOT_FINITE: special} if special else {})
        for k, count in parameters["relative_histogram"].items():
            counts[max(int(k), _LEAST + _ulp(result, dtype))] += count
    total = sum(counts.values())
    return {k: count / total for k, count in counts.items()} if total else {}


def draw_bars(
    axes: Any, shares: Mapping[Any, float], ends: Mapping[Any, float | None], style: int
) -> None:
    """Draw shares as bars in the style of a run; ``ends`` has the places of those of no power."""
    places = [ends.get(k, k) for k in shares]
    axes.bar(
        places,
        [100 * share for share in shares.values()],
        width=0.86,
        facecolor="none",
        edgecolor=series_colour(style),
        hatch=_HATCHES[style % len(_HATCHES)],
        linewidth=1,
    )


def draw_ticks(
    axes: Any,
    ends: tuple[float | None, float | None],
    powers: tuple[int, int],
    names: tuple[str, str],
    *,
    named: bool,
) -> None:
    """Draw ticks at powers of two, and at the ends that have a place, with names if asked for."""
    from matplotlib.ticker import FuncFormatter

    low, high = powers
    spacing = max(-(-(high - low) // 7), 2)
    ticks: list[tuple[float, str]] = [(k, power_of_two(k)) for k in range(low, high + 1, spacing)]
    before, after = (
        [] if place is None else [(place, name)] for place, name in zip(ends, names, strict=True)
    )
    places, texts = zip(*before, *ticks, *after, strict=True)
    axes.set_xticks(places, texts if named else [])
    axes.locator_params(axis="y", nbins=3)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.grid(visible=False, axis="x")
