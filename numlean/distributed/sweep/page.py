"""The page of a sweep: losses and accuracies against bits, and every group in a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from numlean.analysis.ablation.statistics import Sample
from numlean.analysis.drift.page.elements import scrolling_table
from numlean.analysis.drift.page.numbers import format_number, power_of_ten
from numlean.analysis.drift.page.shell import html_document
from numlean.analysis.drift.page.svg import PAPER, as_svg, page_style, series_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from numlean.distributed.sweep.result import Group, SweepResult

_SIZE: Final = (7.2, 3.6)
_WIDE: Final = 30.0
"""Ratio of greatest to least value from which an axis is logarithmic."""

Take = Callable[["Group"], Sample]


def as_page(result: SweepResult, title: str) -> str:
    """Return the results of a sweep as one HTML text, which loads nothing from a network."""
    return html_document(f"Sweep {title}", _sections(result))


def _sections(result: SweepResult) -> Iterator[str]:
    done = len(result.runs) - len(result.failed)
    failed = f", {len(result.failed)} failed" if result.failed else ""
    yield f'<p class="soft">{done} runs{failed}, {len(result.groups)} settings.</p>'
    for text in headlines(result):
        yield f'<p class="headline">{escape(text)}</p>'
    for text in result.errors:
        yield f"<p><b>Error:</b> {escape(text)}</p>"
    for task in dict.fromkeys(group.task for group in result.groups):
        groups = [each for each in result.groups if each.task == task and each.runs]
        if groups:
            yield f"<h2>{escape(task)}</h2>"
            yield _FIGURE_NOTE
            yield f'<div class="figures">{"".join(_figures(task, groups))}</div>'
    yield "<h2>All settings</h2>"
    shown = result.table()
    yield scrolling_table(shown.header, shown.rows, shown.align)


_FIGURE_NOTE: Final = (
    "<p>Each mark is the mean over the seeds of a setting, each bar the standard deviation. A"
    " filled mark is the setting of an arithmetic with the least loss. Bits are those of a number"
    " of the dtype, or of a policy's losses; numbers without a fixed width stand at the right.</p>"
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


def _figures(task: str, groups: Sequence[Group]) -> Iterator[str]:
    figures: list[tuple[str, str, Take, bool]] = [
        ("loss", "Loss at the end", lambda group: group.loss, True),
        ("accuracy", "Accuracy at the end, %", _percent, False),
    ]
    for name, caption, take, may_be_log in figures:
        if any(take(group).is_finite for group in groups):
            drawn = _draw(f"{name}-{escape(task)}", groups, take, caption, may_be_log=may_be_log)
            yield f"<figure><figcaption><b>{caption}</b></figcaption>{drawn}</figure>"


def _percent(group: Group) -> Sample:
    return Sample(tuple(100 * value for value in group.accuracy.values))


def _draw(name: str, groups: Sequence[Group], take: Take, caption: str, *, may_be_log: bool) -> str:
    from matplotlib.figure import Figure as Drawing
    from matplotlib.ticker import FuncFormatter

    shown = [group for group in groups if take(group).is_finite]
    names = [*dict.fromkeys(group.arithmetic for group in groups)]
    widths = sorted({group.bits for group in shown if group.bits is not None})
    has_unbounded = any(group.bits is None for group in shown)
    places: dict[int | None, float] = {bits: float(k) for k, bits in enumerate(widths)}
    with page_style():
        drawing = Drawing(figsize=_SIZE)
        axes = drawing.add_axes((0.1, 0.13, 0.66, 0.83))
        values = [value for group in shown for value in take(group).values]
        if may_be_log and min(values) > 0 and max(values) > _WIDE * min(values):
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))
        for k, arithmetic in enumerate(names):
            own = [group for group in shown if group.arithmetic == arithmetic]
            shift = 0.5 * (k + 0.5) / len(names) - 0.25
            _draw_groups(axes, own, take, k, [places.get(g.bits, len(widths)) + shift for g in own])
        ticks = [*map(str, widths), *(["any"] if has_unbounded else [])]
        axes.set_xticks(range(len(ticks)), ticks)
        axes.set_xlim(-0.5, len(ticks) - 0.5)
        axes.set_xlabel("bits of a number")
        axes.grid(False, axis="x")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)
        return as_svg(drawing, name, f"{caption} against bits, by arithmetic")


def _draw_groups(
    axes: Axes, groups: Sequence[Group], take: Take, style: int, places: Sequence[float]
) -> None:
    colour = series_colour(style)
    plain: dict[str, Any] = {"linestyle": "", "marker": "osD^vPX*"[style % 8], "color": colour}
    best = min(groups, key=lambda each: each.loss.mean, default=None)
    for group, x in zip(groups, places, strict=True):
        sample = take(group)
        mean, spread = sample.mean, sample.deviation or 0.0
        low = mean - spread if axes.get_yscale() != "log" else max(mean - spread, mean / 10)
        axes.plot([x, x], [low, mean + spread], color=colour, linewidth=1.2)
        is_best = group is best
        face = colour if is_best else PAPER
        mark: dict[str, Any] = {"markersize": 7 if is_best else 4, "markerfacecolor": face}
        mark |= {"label": group.arithmetic} if is_best else {}
        axes.plot([x], [mean], **plain, **mark)
