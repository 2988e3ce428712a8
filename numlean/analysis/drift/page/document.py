"""The HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from numlean.analysis.drift import part_tables
from numlean.analysis.drift.page import tables
from numlean.analysis.drift.page.curves import Curve, Take, curves, parameter
from numlean.analysis.drift.page.histograms import draw_histograms
from numlean.analysis.drift.page.lines import draw_curves
from numlean.analysis.drift.page.maps import draw_map
from numlean.analysis.drift.page.quantisations import block_figures
from numlean.analysis.drift.page.shell import html_document
from numlean.analysis.drift.records import Record

if TYPE_CHECKING:
    from numlean.analysis.drift.result import Comparison


def as_page(result: Comparison) -> str:
    """Return a comparison as one HTML text, which loads nothing from a network."""
    title = f"{result.header['task']} in {len(result.dtypes)} arithmetics"
    return html_document(title, _sections(result))


def _sections(result: Comparison) -> Iterator[str]:
    header = result.header
    yield (
        f'<p class="soft">{escape(", ".join(result.dtypes))}; reference: {escape(result.truth)};'
        f" {_counted(len(header['seeds']), 'seed')}, {_counted(header['steps'], 'step')}."
        f"{_OF_SEEDS if len(header['seeds']) > 1 else ''}</p>"
    )
    yield f'<p class="headline">{escape(" ".join(result.headline))}</p>'
    for warning in result.warnings:
        yield f"<p><b>Warning:</b> {escape(warning)}</p>"
    yield "<h2>Training</h2>"
    yield f'<div class="figures">{"".join(_training(result))}</div>'
    yield "<h2>Drift of the parameters</h2>"
    yield (
        "<p>Errors of parameters and buffers after each step against the reference run, relative"
        " to their magnitudes, so that dtypes can be compared. Errors in ulps are shown for one"
        " dtype at a time: each has its own ulps. An ulp is the distance of two numbers with all"
        " bits of their format, as posits and takums have them near 1.</p>"
    )
    yield f'<div class="figures">{"".join(_drift(result))}</div>'
    if result.steps:
        yield f"<h3>After the last step</h3>{tables.ends(result)}"
        for dtype in result.measured:
            yield tables.ends_in_ulps(result, dtype)
    if result.layers:
        yield "<h2>Layer by step</h2>"
        yield (
            "<p>The relative error of all results of a layer, as norms, against the reference run,"
            " in units of 2<sup>1&minus;p</sup>, where p is the precision of the format: 1 is the"
            " error of a single rounding of a number with all bits. The greatest level includes"
            " results that are not finite where those of the reference run are.</p>"
        )
        yield f'<div class="figures maps">{"".join(_maps(result))}</div>'
    if result.operations:
        yield "<h2>Operations</h2>"
        yield _HOW_TO_READ
        for dtype in result.operations:
            yield f"<h3>{escape(dtype)}</h3>"
            yield f'<p class="soft">{escape(tables.units(result, dtype))}</p>'
            yield tables.operations(result, dtype)
    yield from _parts(result)
    counted = tables.flags(result)
    if counted:
        yield f"<h2>Flags</h2><p>Exceptions raised in the steps measured.</p>{counted}"
    yield f"<h2>Settings</h2>{tables.settings(result)}{tables.measures(result)}"
    yield from tables.policies(result)
    yield f"<h3>Final results and digests</h3>{tables.runs(result)}"


_OF_SEEDS = " Lines are medians over seeds, bands extend from the least to the greatest."


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _parts(result: Comparison) -> Iterator[str]:
    """Yield the sections of runs by policies."""
    if result.products:
        yield f"<h2>Products of layers</h2>{_HOW_TO_READ_PRODUCTS}"
        for dtype in result.products:
            count = result.skipped(dtype)
            skipped = f"<p>Without {_counted(count, 'skipped step')}.</p>" if count else ""
            yield f"<h3>{escape(dtype)}</h3>{skipped}{tables.products(result, dtype)}"
    if result.quantisations:
        yield f"<h2>Scaled operands</h2>{_HOW_TO_READ_OPERANDS}"
        for dtype in result.quantisations:
            yield f"<h3>{escape(dtype)}</h3>{tables.quantised(result, dtype)}"
            figures = (
                _captioned(title, rest, svg) for title, rest, svg in block_figures(result, dtype)
            )
            yield f'<div class="figures">{"".join(figures)}</div>'
            yield tables.worst_blocks(result, dtype)
    if result.updates:
        yield f"<h2>Updates</h2>{_HOW_TO_READ_UPDATES}"
        for dtype in result.updates:
            yield f"<h3>{escape(dtype)}</h3>{tables.updates(result, dtype)}"
    states = tables.states(result)
    if states:
        yield (
            "<h2>Drift of the optimizer's state</h2><p>Errors after the last step against the"
            f" reference run, of the worst seed.</p>{states}"
            f'<div class="figures">{"".join(_state_curves(result))}</div>'
        )


def _state_curves(result: Comparison) -> Iterator[str]:
    for name in part_tables.state_names(result):
        found = curves(result, result.measured, _state(name))
        title = name.replace("_", " ").capitalize()
        rest = "of all parameters together, as norms."
        yield _figure(f"state_{name}", found, "relative error", title, rest, log=True)


def _state(name: str) -> Take:
    def take(record: Record) -> float | None:
        value: float | None = ((record.get("state") or {}).get(name) or {}).get("relative")
        return value

    return take


_HOW_TO_READ_PRODUCTS = (
    "<p>Relative errors of a layer's products, as norms, against the exact products of the operands"
    " as the layer is given them, with weights and biases as the optimizer keeps them."
    " <b>Quantisation</b> is the part that rounding and scaling the operands adds,"
    " <b>accumulation</b> that of the products and sums, and <b>output</b> that of rounding the"
    " sums. In each element the three add up to the <b>total</b> exactly; their norms need"
    " not.</p>"
)

_HOW_TO_READ_OPERANDS = (
    "<p>Operands whose numbers share scales. A <b>format</b> has the elements, the scales, and the"
    " rows and terms along the contracted axis that share one. Shares are those of the numbers that"
    " are not 0. <b>Saturated</b> numbers exceed the greatest element times their scale by half the"
    " distance to the element before it, or more, so that clamping changes them by more than"
    " rounding. <b>Flushed</b> numbers become 0. <b>Relative</b> is the norm of the errors divided"
    " by that of the numbers, in all blocks and in the <b>worst block</b>, which begins at the row"
    " and the term given.</p>"
)

_HOW_TO_READ_UPDATES = (
    "<p>Relative errors, as norms, of what is kept against what was computed: of the parameter's"
    " <b>value</b>, of its <b>gradient</b>, which the optimizer is given, and of its state."
    " <b>Of the step</b> is the error of the value relative to the change that was computed: from 1"
    " on, more is lost than kept. <b>Unchanged</b> counts numbers whose change is lost, and"
    " <b>skipped</b> the updates that loss scaling skipped.</p>"
)

_HOW_TO_READ = (
    "<p><b>Local</b> is the error of an operation itself: its results against the exact operation"
    " on the same operands. <b>Total</b> is the error against the results of the reference"
    " run, and <b>inherited</b> is the difference of both: the error of the operands."
    " <b>Amplifies</b> is the factor by which the operation multiplies the relative error of its"
    " operands (as norms, the worst call; ▲ from 2). <b>Introduced</b> counts infinite and NaN"
    " results of finite operands; <b>flips</b> counts comparisons whose answer differs from the"
    " reference run. Relative errors are norms and can be compared between dtypes; ulps cannot. All"
    " figures cover all steps and seeds.</p>"
)


def _training(result: Comparison) -> Iterator[str]:
    loss = curves(result, result.dtypes, _of("exact_loss"))
    rest = "of each batch, before its update: the exact mean of exact losses."
    yield _figure("loss", loss, "loss", "Loss", rest)
    for key, what in (("accuracy", "Accuracy"), ("test_loss", "Test loss")):
        found = curves(result, result.dtypes, _of(key))
        if any(curve.steps for curve in found):
            yield _figure(key, found, what.lower(), what, "on the test data.")


def _drift(result: Comparison) -> Iterator[str]:
    figures = (
        ("relative", "Relative error", "of all parameters together, as norms."),
        ("median_relative", "Median relative error", "of single parameters."),
        ("max_relative", "Greatest relative error", "of single parameters."),
    )
    for key, title, rest in figures:
        found = curves(result, result.measured, parameter(key))
        yield _figure(key, found, title.lower(), title, rest, log=True)
    if result.steps:
        drawn = draw_histograms("histograms", result)
        yield (
            "<figure><figcaption><b>Distribution of relative errors</b> of single parameters after"
            " the last step, over all seeds. The dotted line is 1 ulp of numbers with all bits of"
            " the row's dtype; the least bar also counts smaller errors.</figcaption>"
            f"{drawn}</figure>"
        )


def _maps(result: Comparison) -> Iterator[str]:
    for k, dtype in enumerate(result.layers):
        drawn = draw_map(f"map{k}", result, dtype)
        yield f"<figure><figcaption><b>{escape(dtype)}</b></figcaption>{drawn}</figure>"


def _figure(
    name: str, found: list[Curve], label: str, title: str, rest: str, *, log: bool | None = None
) -> str:
    return _captioned(title, rest, draw_curves(name, found, label, f"{title} {rest}", log=log))


def _captioned(title: str, rest: str, drawn: str) -> str:
    return f"<figure><figcaption><b>{title}</b> {rest}</figcaption>{drawn}</figure>"


def _of(key: str) -> Take:
    def take(record: Record) -> float | None:
        value: float | None = record[key]
        return value

    return take
