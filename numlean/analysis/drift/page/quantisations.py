"""What was done to scaled operands: their scales and errors by block, and shares by step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING, Final, TypeAlias, final

from numlean.analysis.drift.page.histograms import draw_bars, draw_ticks
from numlean.analysis.drift.page.maps import draw_levels, shortened
from numlean.analysis.drift.page.svg import as_svg, page_style
from numlean.analysis.drift.quantisation import QuantisationKey
from numlean.precision.blocks import BlockStatistics

if TYPE_CHECKING:
    from numlean.analysis.drift.result import Comparison

_WIDTH: Final = 4.9
_ROW: Final = 0.68
_BARS: Final = 0.4
"""The heights of a row and of its bars, in inches."""

_LETTERS: Final = 72
"""The most letters of a title."""

_ZERO: Final = "zero"
_NOT_FINITE: Final = "not finite"

Share: TypeAlias = Callable[[BlockStatistics], float]

_SHARES: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
"""The bounds of the levels of shares; the first level is that of 0, the second one has others."""

_BOUNDS: Final = ("> 0", *(f"{100 * share:g}" for share in _SHARES))


@final
@dataclass(frozen=True)
class _Bars:
    """The blocks of an operand by power of two, and those that have none."""

    title: str
    powers: Mapping[int, int]
    zero: int
    not_finite: int

    @property
    def shares(self) -> dict[int | str, float]:
        """The share of the blocks in each bar."""
        counts: dict[int | str, int] = {_ZERO: self.zero, _NOT_FINITE: self.not_finite}
        counts.update(self.powers.items())
        total = sum(counts.values())
        return {k: count / total for k, count in counts.items() if count}


def block_figures(result: Comparison, dtype: str) -> Iterator[tuple[str, str, str]]:
    """Yield the title, the explanation and the SVG of each figure of a run's scaled operands."""
    own, style = result.quantisations[dtype], result.dtypes.index(dtype)
    statistics = {operand_label(key): each.statistics for key, each in own.items()}
    scales = [
        _Bars(label, each.scales, each.zero_scales, each.nonfinite_scales)
        for label, each in statistics.items()
    ]
    name = f"blocks-{style}"
    yield (
        "Scales of blocks",
        "over all steps and seeds; each bar counts the scales from its power of two to the next.",
        _draw(f"{name}-scales", scales, ("0", _NOT_FINITE), "scale", style),
    )
    errors = [
        _Bars(label, each.errors, each.exact_blocks, each.broken_blocks)
        for label, each in statistics.items()
    ]
    yield (
        "Relative errors of blocks",
        "the norm of a block's errors divided by that of its numbers.",
        _draw(f"{name}-errors", errors, ("exact", _NOT_FINITE), "relative error", style),
    )
    yield from _maps(result, dtype, name)


def operand_label(key: QuantisationKey) -> str:
    """Return an operand of a product of a layer as a label."""
    layer, product, operand = key
    return f"{operand} · {product.replace('_gradient', ' grad.')} · {layer}"


def _maps(result: Comparison, dtype: str, name: str) -> Iterator[tuple[str, str, str]]:
    """Yield a map by step of each kind of share that is not 0 everywhere."""
    rows = [(operand_label(key), by_step) for key, by_step in result.quantised_steps[dtype].items()]
    for title, word, share in _KINDS:
        shown = [(label, by_step) for label, by_step in rows if any(map(share, by_step.values()))]
        if shown:
            yield (
                title,
                "by step: the share of the numbers that are not 0, of operands that have any.",
                draw_levels(
                    f"{name}-{word}",
                    shown,
                    partial(_level, share),
                    _BOUNDS,
                    "share, in percent",
                    f"Share of numbers {word} in {dtype} by operand and step",
                ),
            )


_KINDS: Final[tuple[tuple[str, str, Share], ...]] = (
    ("Saturated", "saturated", lambda each: each.share_saturated),
    ("Flushed to zero", "flushed", lambda each: each.share_flushed),
)


def _level(share: Share, found: Sequence[BlockStatistics]) -> float:
    """Return the level of a share in the steps of a cell."""
    if not found:
        return math.nan
    value = share(reduce(BlockStatistics.merged, found))
    return (value > 0) + sum(value >= bound for bound in _SHARES)


def _draw(name: str, rows: Sequence[_Bars], ends: tuple[str, str], what: str, style: int) -> str:
    """Return a row of bars for each operand as SVG, all with one axis."""
    from matplotlib.figure import Figure

    shares = [row.shares for row in rows]
    powers = [k for each in shares for k in each if isinstance(k, int)]
    low, high = min(powers, default=0), max(powers, default=0)
    gap = max(1.8, 0.11 * (high - low))
    zero = low - gap if any(_ZERO in each for each in shares) else None
    beyond = high + gap if any(_NOT_FINITE in each for each in shares) else None
    with page_style():
        whole = _ROW * len(rows) + 0.5
        figure = Figure(figsize=(_WIDTH, whole))
        for k, (row, own) in enumerate(zip(rows, shares, strict=True)):
            bottom = whole - _ROW * (k + 1) + 0.04
            axes = figure.add_axes((0.115, bottom / whole, 0.86, _BARS / whole))
            draw_bars(axes, own, {_ZERO: zero, _NOT_FINITE: beyond}, style)
            axes.set_xlim(
                (low if zero is None else zero) - 0.8, (high if beyond is None else beyond) + 0.8
            )
            axes.set_title(shortened(row.title, _LETTERS), loc="left", fontsize=8.5, pad=2)
            axes.set_ylim(0, 105 * max(own.values(), default=0.1))
            is_last = k == len(rows) - 1
            draw_ticks(axes, (zero, beyond), (low, high), ends, named=is_last)
            if is_last:
                axes.set_xlabel(what)
        return as_svg(figure, name, f"Blocks by {what}, one row for each operand")
