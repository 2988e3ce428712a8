"""The HTML page of an ablation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from numlean.analysis.ablation.figures import accuracy, drift, loss
from numlean.analysis.ablation.page.dots import difference_chart, value_chart
from numlean.analysis.ablation.tables import notes, table
from numlean.analysis.drift.page.curves import curve_of_seeds
from numlean.analysis.drift.page.settings import training_settings
from numlean.pages.frame import frame
from numlean.pages.html import Child, Html, element
from numlean.pages.lines import Curve, line_chart
from numlean.pages.numbers import format_number
from numlean.pages.shell import html_document
from numlean.pages.tables import data_table, definition_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numlean.analysis.ablation.result import Ablation, Row
    from numlean.analysis.ablation.seed_run import SeedRun

_DRAWN: Final = 3
"""The number of single parts whose losses are drawn: those with the greatest differences."""


def as_page(result: Ablation) -> str:
    """Return an ablation as one HTML text, which loads nothing from a network."""
    title = f"Ablation of {result.header['policy']} on {result.header['task']}"
    return html_document(title, _sections(result))


def _sections(result: Ablation) -> Iterator[Child]:
    header = result.header
    yield element("p", " ".join(result.headline), class_="headline")
    yield element(
        "p",
        f"{len(result.rows)} policies, {len(header['seeds'])} seed(s), {header['steps']} steps,"
        f" reference: {header['truth']}.",
        class_="soft",
    )
    for warning in result.warnings:
        yield element("p", element("b", "Warning:"), f" {warning}")
    shown = table(result)
    yield data_table(shown.header, shown.rows, shown.align, label="What each change does")
    yield [element("p", note, class_="soft") for note in notes(result)]
    if result.unchanged.runs:
        yield element("h2", "What each change does")
        yield element(
            "p",
            "Small marks are seeds, large marks their means, bars the standard deviations. A"
            " filled mark stands for a difference that exceeds the spread over seeds.",
        )
        yield element("div", list(_figures(result)), class_="figures")
    yield element("h2", "Policies")
    changes = [
        (row.name, change) for row in result.rows for change in (row.variant.changes or ("",))
    ]
    head = ("policy", "fields that differ from the unchanged policy")
    yield data_table(head, changes, "<", label="Fields of the policies")
    yield element("h3", "The unchanged policy")
    yield definition_list(result.unchanged.policy.to_fields())
    yield element("h2", "Settings")
    yield definition_list(_settings(result))
    yield element("h3", "Final results and digests")
    yield _runs(result)


def _settings(result: Ablation) -> dict[str, str]:
    header = result.header
    return {
        "task": header["task"],
        "policy": header["policy"],
        "policy digest": header["policy_digest"],
        "high format": header["high"],
        "low format": header["low"] or "none",
        "truth": header["truth"],
        "seeds": ", ".join(map(str, header["seeds"])),
        "steps": str(header["steps"]),
        "engine": header["backend"],
        **training_settings(header),
    }


def _runs(result: Ablation) -> Html:
    """Return the final results of each run."""
    named: list[tuple[str, SeedRun]] = [(result.header["truth"], run) for run in result.reference]
    named += [(row.name, run) for row in result.rows for run in row.runs]
    rows = [
        (
            *(name, str(run.seed), format_number(run.loss, 6)),
            *(_percent(run.accuracy), format_number(run.drift)),
            *(run.state_digest, run.value_digest),
        )
        for name, run in named
    ]
    head = ("run", "seed", "loss", "accuracy", "distance", "state digest", "value digest")
    return data_table(head, rows, "<>>>><", css_class="digests", label="Final results")


def as_frame(result: Ablation) -> str:
    """Return the figures of an ablation for a notebook, as the page draws them."""
    return frame("Figures", [element("div", list(_figures(result)), class_="figures")])


def _figures(result: Ablation) -> Iterator[Html]:
    truth = result.header["truth"]
    yield difference_chart(result, loss, "Difference of the final loss from the unchanged policy")
    if result.unchanged.sample(accuracy).count:
        text = "Difference of the accuracy from the unchanged policy, in percent"
        yield difference_chart(result, accuracy, text, factor=100)
    text = f"Distance of the parameters from those in {truth}, relative"
    yield value_chart(result, drift, text)
    text = "Loss of each batch, before its update"
    curves = [_curve(name, style, runs) for style, (name, runs) in enumerate(_drawn(result))]
    yield line_chart(curves, "loss", text, caption=element("b", text))


def _drawn(result: Ablation) -> Iterator[tuple[str, Sequence[SeedRun]]]:
    """Yield the runs whose losses are drawn: the ends, and the parts that change most."""
    yield result.unchanged.name, result.unchanged.runs
    yield f"reference: {result.header['truth']}", result.reference
    everything = result.everything
    if everything is not None:
        yield everything.name, everything.runs
    others = [row for row in result.rows[1:] if row is not everything and row.runs]
    for row in sorted(others, key=lambda row: _change(result, row), reverse=True)[:_DRAWN]:
        yield row.name, row.runs


def _change(result: Ablation, row: Row) -> tuple[int, float]:
    """Return how much a row changes: runs that are not finite count most."""
    mean = result.difference(row).mean
    return len(row.nonfinite), abs(mean) if mean == mean else 0.0


def _curve(name: str, style: int, runs: Sequence[SeedRun]) -> Curve:
    by_step: dict[int, list[float]] = {}
    for run in runs:
        for step, value in run.losses:
            by_step.setdefault(step, []).append(value)
    return curve_of_seeds(name, style, by_step)


def _percent(share: float | None) -> str:
    return "\N{EN DASH}" if share is None else f"{100 * share:.2f} %"
