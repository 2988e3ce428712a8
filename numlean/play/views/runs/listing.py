"""The list of runs, and what is shown of each: its state, losses and command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from numlean.display_text import shorten
from numlean.pages.html import Child, Html, element
from numlean.pages.layout import scrolling
from numlean.pages.lines import Curve, line_chart
from numlean.pages.numbers import format_number
from numlean.play.runs import folder as files
from numlean.play.runs.folder import FOLDER, Run
from numlean.play.runs.losses import Losses
from numlean.play.runs.plan import CROSSCHECK
from numlean.play.views.runs.query import RunsQuery
from numlean.play.views.runs.start import ACT

ACTIVE: Final = (files.WAITING, files.RUNNING)

_MOST_CURVES: Final = 16


@dataclass(frozen=True)
class Listed:
    """A run with what is known of it.

    Attributes:
        run: The run.
        state: What it does.
        losses: Its losses so far.
        is_shown: Whether its losses are drawn above the list.
    """

    run: Run
    state: str
    losses: Losses
    is_shown: bool = False

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return self.state in ACTIVE


def run_list(query: RunsQuery, listed: Sequence[Listed], more: int) -> Child:
    """Return the chart of the runs that are shown, and the table of all."""
    if not listed:
        return element("p", f"No run yet. Each becomes a folder in {FOLDER}.", class_="soft")
    shown = [each for each in listed if each.is_shown]
    head = ("run", "what", "state", "last step", "loss", "")
    return (
        element("h2", "Losses") if shown else None,
        loss_chart(shown),
        element("h2", "All runs"),
        scrolling(
            "All runs",
            element(
                "table",
                element(
                    "thead", element("tr", [element("th", each, scope="col") for each in head])
                ),
                element("tbody", [_row(query, each) for each in listed]),
                class_="runs",
            ),
        ),
        element("p", f"{more} older runs are in {FOLDER}.", class_="soft") if more else None,
    )


def loss_chart(shown: Sequence[Listed]) -> Child:
    """Return the losses of runs; nothing before the first step."""
    curves = list(_curves(shown))
    if not curves:
        return element("p", "No step yet.", class_="soft") if shown else None
    many = f" The first {_MOST_CURVES} are drawn." if len(curves) > _MOST_CURVES else ""
    return line_chart(
        curves[:_MOST_CURVES],
        "loss",
        "Losses of the runs by step",
        caption=("The exact mean of the losses of each batch, before its update.", many),
    )


def _curves(shown: Sequence[Listed]) -> Iterable[Curve]:
    style = 0
    for each in shown:
        for name in each.losses.last:
            points = each.losses.points(name)
            title = name or shorten(each.run.title, 50)
            title = title if len(shown) == 1 or not name else f"{name}, {each.run.id}"
            yield Curve.of(title, style, [k for k, _ in points], [loss for _, loss in points])
            style += 1


def _row(query: RunsQuery, each: Listed) -> Html:
    run = each.run
    last = max(each.losses.last.values(), default=None)
    step, loss = ("", "") if last is None else (str(last[0]), format_number(last[1], 4))
    return element(
        "tr",
        element("td", element("a", run.id, href=query.address(id=run.id, show=""))),
        element("td", f"{run.kind}: {shorten(run.title, 100)}", class_="text"),
        element("td", state_text(each)),
        element("td", step, class_="number"),
        element("td", loss, class_="number"),
        element("td", actions(each, query.address())),
    )


def state_text(each: Listed) -> Html:
    """Return the state of a run."""
    kept = ", kept" if each.run.is_kept else ""
    return element("span", f"{each.state}{kept}", class_=f"state {each.state}")


def actions(each: Listed, back: str) -> Html:
    """Return the buttons of a run."""
    run = each.run
    if each.is_active:
        names = {"stop": "Stop"}
    else:
        names = {"free": "Do not keep"} if run.is_kept else {"keep": "Keep", "remove": "Remove"}
    return element(
        "form",
        element("input", type="hidden", name="id", value=run.id),
        element("input", type="hidden", name="back", value=back),
        [
            element(
                "button",
                text,
                type="submit",
                name="do",
                value=do,
                id=f"{do}-{run.id}",
                aria_label=f"{text} {run.id}",
            )
            for do, text in names.items()
        ],
        action=ACT,
        method="post",
        class_="actions",
    )


def heading(each: Listed, messages: str, query: RunsQuery) -> Child:
    """Return the head of a run's page: what it is, its state, buttons and command line."""
    run = each.run
    return (
        element("p", element("a", "All runs", href=query.address(id="", row="", step=""))),
        element("h2", f"{run.kind}: {run.title}"),
        element("div", state_text(each), actions(each, query.address(id=run.id)), class_="bar-of"),
        element("p", "To repeat it, in the folder of this server:", class_="soft"),
        element("pre", run.command_line, class_="command scroll", tabindex=0),
        element("p", f"Its files are in {FOLDER}/{run.id}.", class_="soft"),
        element("pre", shorten(messages, 4000), class_="messages scroll", tabindex=0)
        if messages
        else None,
    )


def training(each: Listed, results: Any) -> Child:
    """Return the losses and the results of a training."""
    rows = _results(results) if isinstance(results, dict) else []
    return (
        loss_chart([each]) if each.run.kind != CROSSCHECK else None,
        element("dl", [(element("dt", name), element("dd", value)) for name, value in rows])
        if rows
        else None,
    )


_SHOWN: Final = (
    *("steps", "stopped_by", "loss_before", "loss_after", "test_loss", "accuracy", "seconds"),
    *("optimizer", "schedule", "seed", "state_digest", "value_digest"),
)


def _results(results: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for name in _SHOWN:
        value = results.get(name)
        if isinstance(value, float):
            found.append((name.replace("_", " "), format_number(value, 6)))
        elif isinstance(value, int | str):
            found.append((name.replace("_", " "), shorten(str(value), 200)))
    return found
