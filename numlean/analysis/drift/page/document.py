"""The HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from numlean.analysis.drift import part_tables
from numlean.analysis.drift.operations import Key, OperationErrors
from numlean.analysis.drift.page import tables
from numlean.analysis.drift.page.curves import Take, curves, parameter
from numlean.analysis.drift.page.histograms import operation_histograms, parameter_histograms
from numlean.analysis.drift.page.maps import layer_map
from numlean.analysis.drift.page.quantisations import block_figures
from numlean.analysis.drift.records import Record
from numlean.pages.frame import frame
from numlean.pages.html import Child, Html, element
from numlean.pages.layout import paragraph
from numlean.pages.lines import Curve, line_chart
from numlean.pages.shell import html_document

if TYPE_CHECKING:
    from numlean.analysis.drift.result import Comparison, Where

_HISTOGRAMS: Final = 100
"""The most operations of a run whose histograms a page has: those with the greatest errors."""


def as_page(result: Comparison) -> str:
    """Return a comparison as one HTML text, which loads nothing from a network."""
    title = f"{result.header['task']} in {len(result.dtypes)} arithmetics"
    return html_document(title, _sections(result))


def as_frame(result: Comparison) -> str:
    """Return the curves of a comparison for a notebook, as the page draws them."""
    figures = element("div", [*_training(result), *_drift(result)], class_="figures")
    return frame("Losses and drift", [figures])


def _sections(result: Comparison) -> Iterator[Child]:
    header = result.header
    yield element("p", " ".join(result.headline), class_="headline")
    yield element(
        "p",
        f"{', '.join(result.dtypes)}; reference: {result.truth};"
        f" {_counted(len(header['seeds']), 'seed')}, {_counted(header['steps'], 'step')}."
        f"{_OF_SEEDS if len(header['seeds']) > 1 else ''}",
        class_="soft",
    )
    for warning in result.warnings:
        yield element("p", element("b", "Warning:"), f" {warning}")
    yield element("h2", "Training")
    yield element("div", list(_training(result)), class_="figures")
    yield element("h2", "Drift of the parameters")
    yield element("p", _HOW_TO_READ_DRIFT)
    yield element("div", list(_drift(result)), class_="figures")
    if result.steps:
        yield element("h3", "After the last step")
        yield tables.ends(result)
        for dtype in result.measured:
            yield tables.ends_in_ulps(result, dtype)
    if result.layers:
        yield element("h2", "Layer by step")
        yield element("p", _HOW_TO_READ_MAPS)
        yield element("div", list(_maps(result)), class_="figures maps")
    if result.operations:
        yield element("h2", "Operations")
        yield paragraph(_HOW_TO_READ)
        for dtype in result.operations:
            yield element("h3", dtype)
            yield element("p", tables.units(result, dtype), class_="soft")
            yield tables.operations(result, dtype)
            yield from _histograms(result, dtype)
    yield from _parts(result)
    counted = tables.flags(result)
    if counted:
        yield element("h2", "Flags")
        yield element("p", "Exceptions raised in the steps measured.")
        yield counted
    yield element("h2", "Settings")
    yield tables.settings(result)
    yield tables.measures(result)
    yield from tables.policies(result)
    yield element("h3", "Final results and digests")
    yield tables.runs(result)


_OF_SEEDS: Final = " Lines are medians over seeds, bands extend from the least to the greatest."

_HOW_TO_READ_DRIFT: Final = (
    "Errors of parameters and buffers after each step against the reference run, relative to their"
    " magnitudes, so that dtypes can be compared. Errors in ulps are shown for one dtype at a time:"
    " each has its own ulps. An ulp is the distance of two numbers with all bits of their format,"
    " as posits and takums have them near 1."
)

_HOW_TO_READ_MAPS: Final = (
    "The error of all results of a layer against the reference run (total), or of its operations"
    " themselves (local): relative, as norms, in units of 2¹⁻ᵖ, where p is the precision of the"
    " format, so that 1 is the error of a single rounding of a number with all bits; or in ulp. The"
    " greatest level includes results that are not finite where those of the reference run are. A"
    " row leads to the histograms of the layer's operations."
)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _parts(result: Comparison) -> Iterator[Child]:
    """Yield the sections of runs by policies."""
    if result.products:
        yield element("h2", "Products of layers")
        yield paragraph(_HOW_TO_READ_PRODUCTS)
        for dtype in result.products:
            count = result.skipped(dtype)
            yield element("h3", dtype)
            if count:
                yield element("p", f"Without {_counted(count, 'skipped step')}.")
            yield tables.products(result, dtype)
    if result.quantisations:
        yield element("h2", "Scaled operands")
        yield paragraph(_HOW_TO_READ_OPERANDS)
        for dtype in result.quantisations:
            yield element("h3", dtype)
            yield tables.quantised(result, dtype)
            yield element("div", list(block_figures(result, dtype)), class_="figures")
            yield tables.worst_blocks(result, dtype)
    if result.updates:
        yield element("h2", "Updates")
        yield paragraph(_HOW_TO_READ_UPDATES)
        for dtype in result.updates:
            yield element("h3", dtype)
            yield tables.updates(result, dtype)
    states = tables.states(result)
    if states:
        yield element("h2", "Drift of the optimizer's state")
        yield element(
            "p", "Errors after the last step against the reference run, of the worst seed."
        )
        yield states
        yield element("div", list(_state_curves(result)), class_="figures")


def _state_curves(result: Comparison) -> Iterator[Html]:
    for name in part_tables.state_names(result):
        found = curves(result, result.measured, _state(name))
        title = name.replace("_", " ").capitalize()
        rest = "of all parameters together, as norms."
        yield _figure(found, "relative error", title, rest, log=True)


def _state(name: str) -> Take:
    def take(record: Record) -> float | None:
        value: float | None = ((record.get("state") or {}).get(name) or {}).get("relative")
        return value

    return take


_HOW_TO_READ_PRODUCTS: Final = (
    "Relative errors of a layer's products, as norms, against the exact products of the operands"
    " as the layer is given them, with weights and biases as the optimizer keeps them."
    " **Quantisation** is the part that rounding and scaling the operands adds,"
    " **accumulation** that of the products and sums, and **output** that of rounding the"
    " sums. In each element the three add up to the **total** exactly; their norms need"
    " not."
)

_HOW_TO_READ_OPERANDS: Final = (
    "Operands whose numbers share scales. A **format** has the elements, the scales, and the"
    " rows and terms along the contracted axis that share one. Shares are those of the numbers that"
    " are not 0. **Saturated** numbers exceed the greatest element times their scale by half the"
    " distance to the element before it, or more, so that clamping changes them by more than"
    " rounding. **Flushed** numbers become 0. **Relative** is the norm of the errors divided"
    " by that of the numbers, in all blocks and in the **worst block**, which begins at the row"
    " and the term given."
)

_HOW_TO_READ_UPDATES: Final = (
    "Relative errors, as norms, of what is kept against what was computed: of the parameter's"
    " **value**, of its **gradient**, which the optimizer is given, and of its state."
    " **Of the step** is the error of the value relative to the change that was computed: from 1"
    " on, more is lost than kept. **Unchanged** counts numbers whose change is lost, and"
    " **skipped** the updates that loss scaling skipped."
)

_HOW_TO_READ: Final = (
    "**Local** is the error of an operation itself: its results against the exact operation"
    " on the same operands. **Total** is the error against the results of the reference"
    " run, and **inherited** is the difference of both: the error of the operands."
    " **Amplifies** is the factor by which the operation multiplies the relative error of its"
    " operands (as norms, the worst call; ▲ from 2). **Introduced** counts infinite and NaN"
    " results of finite operands; **flips** counts comparisons whose answer differs from the"
    " reference run. Relative errors are norms and can be compared between dtypes; ulps cannot. All"
    " figures cover all steps and seeds."
)


def _training(result: Comparison) -> Iterator[Html]:
    loss = curves(result, result.dtypes, _of("exact_loss"))
    rest = "of each batch, before its update: the exact mean of exact losses."
    yield _figure(loss, "loss", "Loss", rest)
    for key, what in (("accuracy", "Accuracy"), ("test_loss", "Test loss")):
        found = curves(result, result.dtypes, _of(key))
        if any(curve.steps for curve in found):
            yield _figure(found, what.lower(), what, "on the test data.")


def _drift(result: Comparison) -> Iterator[Html]:
    figures = (
        ("relative", "Relative error", "of all parameters together, as norms."),
        ("median_relative", "Median relative error", "of single parameters."),
        ("max_relative", "Greatest relative error", "of single parameters."),
    )
    for key, title, rest in figures:
        found = curves(result, result.measured, parameter(key))
        yield _figure(found, title.lower(), title, rest, log=True)
    if result.steps:
        yield parameter_histograms(
            result,
            (
                element("b", "Distribution of relative errors"),
                " of single parameters after the last step, over all seeds. The dotted line is 1"
                " ulp of numbers with all bits of the row's dtype; the least bar also counts"
                " smaller errors.",
            ),
        )


def _maps(result: Comparison) -> Iterator[Html]:
    for dtype in result.layers:
        links = {where: f"#{name}" for where, name in _places(result, dtype).items()}
        yield layer_map(result, dtype, links, element("b", dtype))


def _histograms(result: Comparison, dtype: str) -> Iterator[Html]:
    """Yield the histograms of the operations with the greatest errors, by layer."""
    by_layer: dict[Where, list[tuple[Key, OperationErrors]]] = {}
    for key, errors in _with_histograms(result, dtype).items():
        by_layer.setdefault(key[:2], []).append((key, errors))
    count = len(result.operations[dtype])
    if count > _HISTOGRAMS:
        yield element(
            "p",
            f"Histograms of the {_HISTOGRAMS} operations of {count} with the greatest errors:",
            class_="soft",
        )
    places = _places(result, dtype)
    for where, operations in by_layer.items():
        figures = element("div", list(operation_histograms(operations)), class_="figures")
        name = " · ".join(filter(None, where))
        yield element(
            "details",
            element("summary", f"Histograms of {name} in {dtype}"),
            element("div", figures, id=places[where]),
        )


def _with_histograms(result: Comparison, dtype: str) -> Mapping[Key, OperationErrors]:
    found = {
        key: errors
        for key, errors in result.operations[dtype].items()
        if errors.total.is_measured or errors.local.is_measured
    }
    order = sorted(found, key=lambda key: -_size(found[key]))
    chosen = set(order[:_HISTOGRAMS])
    return {key: errors for key, errors in found.items() if key in chosen}


def _size(errors: OperationErrors) -> float:
    """Return how great the errors of an operation are; unknown ones are the greatest."""
    relative = errors.total.relative if errors.total.is_measured else errors.local.relative
    return relative if relative == relative else float("inf")


def _places(result: Comparison, dtype: str) -> dict[Where, str]:
    """Return the identifiers of the layers that have histograms."""
    layers = dict.fromkeys(key[:2] for key in _with_histograms(result, dtype))
    run = result.dtypes.index(dtype)
    return {where: f"histograms-{run}-{k}" for k, where in enumerate(layers)}


def _figure(
    found: list[Curve], label: str, title: str, rest: str, *, log: bool | None = None
) -> Html:
    caption = (element("b", title), f" {rest}")
    return line_chart(found, label, f"{title} {rest}", log=log, caption=caption)


def _of(key: str) -> Take:
    def take(record: Record) -> float | None:
        value: float | None = record[key]
        return value

    return take
