"""The page of a sweep: losses and accuracies against bits, and every group in a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from numlean.analysis.ablation.statistics import Sample
from numlean.pages.dots import Dots, dot_chart
from numlean.pages.html import Child, Html, element
from numlean.pages.numbers import format_number
from numlean.pages.shell import html_document
from numlean.pages.tables import whole_table

if TYPE_CHECKING:
    from numlean.distributed.sweep.result import Group, SweepResult

Take = Callable[["Group"], Sample]


def as_page(result: SweepResult, title: str) -> str:
    """Return the results of a sweep as one HTML text, which loads nothing from a network."""
    return html_document(f"Sweep {title}", _sections(result))


def _sections(result: SweepResult) -> Iterator[Child]:
    done = len(result.runs) - len(result.failed)
    failed = f", {len(result.failed)} failed" if result.failed else ""
    for text in headlines(result):
        yield element("p", text, class_="headline")
    yield element("p", f"{done} runs{failed}, {len(result.groups)} settings.", class_="soft")
    for text in result.errors:
        yield element("p", element("b", "Error:"), f" {text}")
    for task in dict.fromkeys(group.task for group in result.groups):
        groups = [each for each in result.groups if each.task == task and each.runs]
        if groups:
            yield element("h2", task)
            yield element("p", _FIGURE_NOTE)
            yield element("div", list(_figures(task, groups)), class_="figures")
    yield element("h2", "All settings")
    yield whole_table(result.table(), label="All settings")


_FIGURE_NOTE: Final = (
    "A row is an arithmetic, the narrowest first, in its setting with the least loss: the large"
    " mark is the mean over its seeds, the bar the standard deviation, small marks are the means of"
    " its other settings. A filled mark has the least loss of all. Bits are those of a number of"
    " the dtype, or of a policy's losses."
)


def headlines(result: SweepResult) -> Iterator[str]:
    """Yield a sentence for each task: which arithmetic has the least loss.

    It also names the narrowest one that comes within the spread over seeds of it.
    """
    for task in dict.fromkeys(group.task for group in result.groups):
        groups = [each for each in result.groups if each.task == task and each.loss.is_finite]
        if len({each.arithmetic for each in groups}) < 2:
            continue
        best = min(groups, key=lambda each: each.loss.mean)
        text = f"{task}: {best.arithmetic} has the least loss, {format_number(best.loss.mean, 4)}"
        near = [each for each in groups if each.bits is not None and _is_near(each, best)]
        narrow = min(near, key=lambda each: (each.bits or 0, each.loss.mean), default=best)
        if narrow.arithmetic != best.arithmetic and (narrow.bits or 0) < (best.bits or math.inf):
            text += (
                f"; {narrow.arithmetic} with {narrow.bits} bits comes within the spread over seeds"
                f" of it, {format_number(narrow.loss.mean, 4)}"
            )
        yield f"{text}."


def _is_near(group: Group, best: Group) -> bool:
    spread = max(group.loss.deviation or 0.0, best.loss.deviation or 0.0)
    return group.loss.mean - best.loss.mean <= spread


def _figures(task: str, groups: Sequence[Group]) -> Iterator[Html]:
    figures: list[tuple[str, Take]] = [
        ("Loss at the end", lambda group: group.loss),
        ("Accuracy at the end, %", _percent),
    ]
    for caption, take in figures:
        if any(take(group).is_finite for group in groups):
            yield dot_chart(
                list(_rows(groups, take)),
                f"{caption}, by arithmetic, in {task}",
                caption=element("b", caption),
            )


def _percent(group: Group) -> Sample:
    return Sample(tuple(100 * value for value in group.accuracy.values))


def _rows(groups: Sequence[Group], take: Take) -> Iterator[Dots]:
    """Yield a row for each arithmetic: its setting with the least loss, and the others."""
    finite = [group for group in groups if group.loss.is_finite]
    least = min((group.loss.mean for group in finite), default=math.nan)
    names = dict.fromkeys(group.arithmetic for group in groups)
    widths = {group.arithmetic: group.bits for group in groups}
    for name in sorted(names, key=lambda name: widths[name] or math.inf):
        own = [group for group in groups if group.arithmetic == name]
        best = min(own, key=lambda group: group.loss.mean if group.loss.is_finite else math.inf)
        sample = take(best)
        others = tuple(take(group).mean for group in own if take(group).is_finite)
        bits = "" if widths[name] is None else f", {widths[name]} bits"
        yield Dots(
            f"{name}{bits}",
            others,
            sample.mean,
            sample.deviation,
            list(names).index(name),
            best.loss.mean == least,
            "" if sample.is_finite else "not finite",
        )
