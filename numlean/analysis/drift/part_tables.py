"""Tables of the errors in runs by policies: of products, their operands, updates, and the state."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from numlean.analysis.drift.product_errors import TOTAL, ProductErrors, ProductKey
from numlean.analysis.drift.product_split import PARTS
from numlean.analysis.drift.quantisation import Quantisation, QuantisationKey
from numlean.analysis.drift.update_errors import UpdateErrors
from numlean.precision.blocks.statistics import BlockError, BlockStatistics, percent
from numlean.text_table import TextTable

if TYPE_CHECKING:
    from numlean.analysis.drift.result import Comparison

_MOST: Final = 12
"""The most rows of a table in a terminal; records and pages have all."""

PARTS_OF_PRODUCTS: Final = ("layer", "product", TOTAL, *PARTS, "largest")
QUANTISED: Final = (
    *("layer", "product", "operand", "format", "saturated", "flushed"),
    *("relative", "worst block", "at", "scales"),
)
UPDATES: Final = ("parameter", "value", "of the step", "unchanged", "skipped", "gradient")


def part_tables(result: Comparison) -> Iterator[TextTable]:
    """Yield the tables of each run by a policy, with relative errors: the greatest ones."""
    for dtype, products in result.products.items():
        worst = sorted(products, key=lambda key: -_order(products[key].total.relative))[:_MOST]
        shown = {key: errors for key, errors in products.items() if key in worst}
        steps = ", without skipped steps" if result.skipped(dtype) else ""
        title = f"products in {dtype}, relative errors{steps}{_cut(len(products))}"
        yield TextTable(PARTS_OF_PRODUCTS, tuple(product_rows(shown)), "<<>>>><", title)
        yield from _quantised_table(result, dtype)
    for dtype, updates in result.updates.items():
        worst_updates = sorted(updates, key=lambda name: -_order(_greatest(updates[name])))[:_MOST]
        kept = {name: errors for name, errors in updates.items() if name in worst_updates}
        title = f"updates in {dtype}, relative errors of what is kept{_cut(len(updates))}"
        yield TextTable(update_head(updates), tuple(update_rows(kept)), "<>", title)
    yield from _state_tables(result)


def product_rows(products: Mapping[ProductKey, ProductErrors]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each product of a layer."""
    for (layer, product), errors in products.items():
        numbers = [errors.total, *errors.parts.values()]
        yield (
            *(layer, product, *(_text(each.relative) for each in numbers)),
            errors.largest_part if errors.total.relative else "",
        )


def _quantised_table(result: Comparison, dtype: str) -> Iterator[TextTable]:
    """Yield the table of a run's scaled operands, those with the greatest errors, if any are."""
    found = result.quantisations.get(dtype, {})
    worst = sorted(found, key=lambda key: -_order(found[key].statistics.relative))[:_MOST]
    shown = {key: each for key, each in found.items() if key in worst}
    if shown:
        title = (
            f"scaled operands in {dtype}, shares of the numbers that are not 0{_cut(len(found))}"
        )
        yield TextTable(QUANTISED, tuple(quantised_rows(shown)), QUANTISED_ALIGN, title)


WORST: Final = (
    *("layer", "product", "operand", "first number", "relative error", "scale"),
    *("saturated", "flushed"),
)

QUANTISED_ALIGN: Final = "<<<<>>>><"


def quantised_rows(found: Mapping[QuantisationKey, Quantisation]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each scaled operand."""
    for key, quantisation in found.items():
        own = quantisation.statistics
        shares = (own.share_saturated, own.share_flushed)
        worst = own.worst[0] if own.worst else None
        yield (
            *(*key, quantisation.format, *map(percent, shares), _text(own.relative)),
            *(("", "") if worst is None else (_text(worst.relative), _at(worst))),
            _scales(own),
        )


def worst_rows(found: Mapping[QuantisationKey, Quantisation]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each of the worst blocks of all operands."""
    blocks = [(key, each) for key, own in found.items() for each in own.statistics.worst]
    for key, block in heapq.nlargest(
        _MOST, blocks, key=lambda each: (each[1].relative, each[1].error)
    ):
        counts = str(block.saturated), str(block.flushed)
        yield (*key, _at(block), _text(block.relative), _text(block.scale), *counts)


def _at(block: BlockError) -> str:
    return f"{list(block.place)}, step {block.step}, seed {block.seed}"


def _scales(own: BlockStatistics) -> str:
    """Return the range of scales as text, with the share of those that are 0 or not finite."""
    powers = [f"2^{k}" for k in (min(own.scales), max(own.scales))] if own.scales else []
    special = (("0", own.zero_scales), ("not finite", own.nonfinite_scales))
    return ", ".join(
        [
            " to ".join(dict.fromkeys(powers)),
            *(f"{name}: {percent(count / own.blocks)}" for name, count in special if count),
        ]
    ).removeprefix(", ")


def state_names(result: Comparison) -> list[str]:
    """Return the names of the parts of the optimizer's state that were measured."""
    states = (record.get("state") or {} for record in result.steps)
    return list(dict.fromkeys(name for state in states for name in state))


def update_head(updates: Mapping[str, UpdateErrors]) -> tuple[str, ...]:
    """Return the titles of the columns of ``update_rows``."""
    return (*UPDATES, *_states(updates))


def update_rows(updates: Mapping[str, UpdateErrors]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each parameter."""
    states = _states(updates)
    for name, errors in updates.items():
        kept = (errors.state.get(each) for each in states)
        yield (
            *(name, _text(errors.parameter.relative), _text(errors.relative_to_step)),
            *(str(errors.unchanged), str(errors.skipped), _text(errors.gradient.relative)),
            *("" if each is None else _text(each.relative) for each in kept),
        )


def _states(updates: Mapping[str, UpdateErrors]) -> list[str]:
    return list(dict.fromkeys(name for errors in updates.values() for name in errors.state))


def _state_tables(result: Comparison) -> Iterator[TextTable]:
    """Yield the drift of the optimizer's state of all runs after the last step."""
    rows = list(state_rows(result))
    if rows:
        yield TextTable(STATE_HEAD, tuple(rows), "<<>", f"state against {result.truth}")


STATE_HEAD: Final = ("dtype", "state", "relative error", "median relative", "max relative")


def state_rows(result: Comparison) -> Iterator[tuple[str, ...]]:
    """Yield a row for each run and each part of the optimizer's state, of the worst seed."""
    for dtype in result.measured:
        ends = [record["state"] for record in result.last(dtype) if record.get("state")]
        for name in ends[0] if ends else ():
            worst = max((end[name] for end in ends), key=lambda each: _order(each["relative"]))
            keys = ("relative", "median_relative", "max_relative")
            yield (dtype, name, *(_text(worst[key]) for key in keys))


def _greatest(errors: UpdateErrors) -> float:
    return max(_order(stats.relative) for stats in errors.parts.values())


def _order(value: float) -> float:
    """Return a number by which errors are ordered: that of a NaN is infinite."""
    return value if value == value else float("inf")


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _cut(count: int) -> str:
    return f" (the greatest {_MOST} of {count})" if count > _MOST else ""
