"""What was done to scaled operands: their scales and errors by block, and shares by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Final, TypeAlias

from numlean.analysis.drift.page.maps import step_groups
from numlean.analysis.drift.quantisation import QuantisationKey
from numlean.pages.bars import Bars, bar_chart
from numlean.pages.html import Html, element
from numlean.pages.maps import Kind, heat_map
from numlean.precision.blocks import BlockStatistics

if TYPE_CHECKING:
    from numlean.analysis.drift.result import Comparison

Share: TypeAlias = Callable[[BlockStatistics], float]

_SHARES: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
"""The bounds of the levels of shares; the first level is that of 0, the second one has others."""

_BOUNDS: Final = ("> 0", *(f"{100 * share:g}" for share in _SHARES))
_LEAST: Final = 1e-300


def block_figures(result: Comparison, dtype: str) -> Iterator[Html]:
    """Yield the figures of a run's scaled operands."""
    own, style = result.quantisations[dtype], result.dtypes.index(dtype)
    statistics = {operand_label(key): each.statistics for key, each in own.items()}
    yield bar_chart(
        [
            Bars(label, each.scales, each.zero_scales, each.nonfinite_scales, style)
            for label, each in statistics.items()
        ],
        "scale",
        f"Blocks of {dtype} by scale, one row for each operand",
        before="0",
        caption=(
            element("b", "Scales of blocks"),
            " over all steps and seeds; each bar counts the scales from its power of two to the"
            " next.",
        ),
    )
    yield bar_chart(
        [
            Bars(label, each.errors, each.exact_blocks, each.broken_blocks, style)
            for label, each in statistics.items()
        ],
        "relative error",
        f"Blocks of {dtype} by relative error, one row for each operand",
        caption=(
            element("b", "Relative errors of blocks"),
            " the norm of a block's errors divided by that of its numbers.",
        ),
    )
    yield from _maps(result, dtype)


def operand_label(key: QuantisationKey) -> str:
    """Return an operand of a product of a layer as a label."""
    layer, product, operand = key
    return f"{operand} · {product.replace('_gradient', ' grad.')} · {layer}"


def _maps(result: Comparison, dtype: str) -> Iterator[Html]:
    """Yield a map by step of each kind of share that is not 0 everywhere."""
    rows = [(operand_label(key), by_step) for key, by_step in result.quantised_steps[dtype].items()]
    for title, word, share in _KINDS:
        shown = [(label, by_step) for label, by_step in rows if any(map(share, by_step.values()))]
        if not shown:
            continue
        groups = step_groups([by_step for _, by_step in shown])
        cells = [
            [
                _share(share, [by_step[step] for step in group if step in by_step])
                for group in groups
            ]
            for _, by_step in shown
        ]
        yield heat_map(
            [label for label, _ in shown],
            [str(group[0]) for group in groups],
            {word: Kind(f"share {word}", "a percent", cells, 1.0, (_LEAST, *_SHARES))},
            f"Share of numbers {word} in {dtype} by operand and step",
            bounds=_BOUNDS,
            caption=(
                element("b", title),
                " by step: the share of the numbers that are not 0, of operands that have any.",
            ),
        )


_KINDS: Final[tuple[tuple[str, str, Share], ...]] = (
    ("Saturated", "saturated", lambda each: each.share_saturated),
    ("Flushed to zero", "flushed", lambda each: each.share_flushed),
)


def _share(share: Share, found: Sequence[BlockStatistics]) -> float | None:
    return share(reduce(BlockStatistics.merged, found)) if found else None
