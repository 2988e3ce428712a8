"""A crosscheck as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from numlean.analysis.lockstep.crosscheck_result import growth_summary, verdict
from numlean.analysis.lockstep.growth import growth_table
from numlean.analysis.lockstep.growth_charts import growth_charts
from numlean.pages.html import Child, element
from numlean.pages.shell import html_document
from numlean.pages.tables import whole_table

if TYPE_CHECKING:
    from numlean.analysis.lockstep import Crosscheck


def crosscheck_page(task: str, result: Crosscheck) -> str:
    """Return a crosscheck of a task as one HTML text, which loads nothing from a network."""
    runs = dict.fromkeys(name for pair in result.pairs for name in (pair.a, pair.b))
    stopped = ", stopped before the last step" if result.is_partial else ""
    title = f"Crosscheck of {task} in {len(runs)} runs, {result.steps} steps{stopped}"
    return html_document(title, _sections(result))


def _sections(result: Crosscheck) -> Iterator[Child]:
    yield element(
        "p", " ".join(f"{verdict(pair, result.steps)}." for pair in result.pairs), class_="headline"
    )
    for run, text in result.nonfinite.items():
        yield element("p", element("b", "Warning:"), f" {run}: {text}")
    for k, pair in enumerate(result.pairs):
        yield element("h2", f"{pair.a} and {pair.b}", id=f"pair-{k}")
        yield element("p", verdict(pair, result.steps))
        if pair.divergence is not None:
            yield element("pre", str(pair.divergence), class_="scroll", tabindex=0)
        if pair.growth:
            yield element("p", growth_summary(pair))
            yield element("div", list(growth_charts(pair.growth)), class_="figures")
            yield whole_table(growth_table(pair.growth), label=f"Growth of pair {k + 1}")
