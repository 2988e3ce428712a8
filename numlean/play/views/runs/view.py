"""The view of runs, for the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from numlean.display_text import shorten
from numlean.errors import NumleanError
from numlean.pages.html import Child, Html, element
from numlean.play.page import Link
from numlean.play.runs.folder import MESSAGES, SUMMARY, Run
from numlean.play.runs.losses import Losses, LossReader
from numlean.play.runs.manager import RunManager
from numlean.play.runs.measured import MeasuredReader
from numlean.play.runs.plan import COMPARE, CROSSCHECK
from numlean.play.views.runs.compare import compare_form, compare_view
from numlean.play.views.runs.crosscheck import crosscheck_view
from numlean.play.views.runs.listing import Listed, heading, run_list, training
from numlean.play.views.runs.query import PATH, RunsQuery
from numlean.play.views.runs.start import start_form
from numlean.play.views.text import error_message
from numlean.play.views.view import Shown, View
from numlean.play.workspace import Workspace

_LISTED: Final = 100
_TEXT: Final = 16 << 10


class RunsPage:
    """Shows runs.

    Attributes:
        manager: The processes.
    """

    def __init__(self, manager: RunManager) -> None:
        self.manager = manager
        self._losses = LossReader(manager.folders)
        self._measured = MeasuredReader(manager.folders)

    @property
    def view(self) -> View:
        """The view, for the server."""
        return View(Link(PATH, "Runs"), "runs.js", self.show)

    def show(self, parameters: Mapping[str, str], workspace: Workspace) -> Shown:
        """Compute the view; what was typed wrongly is a message on the page."""
        try:
            query = RunsQuery.of(parameters)
        except NumleanError as error:
            return self.answer({}, str(error))
        if not query.id:
            return self._list(query, start_form({}))
        try:
            each = self._listed(self.manager.folders.find(query.id))
            content = self._one(query, each)
        except NumleanError as error:
            content = _result(error_message(str(error)), is_active=False)
        return Shown(query.id, query.address(), (element("h1", "Run"), content))

    def answer(self, fields: Mapping[str, str], message: str) -> Shown:
        """Return the list after a form that was wrong, with what was typed."""
        return self._list(RunsQuery.of({}), start_form(fields, message))

    def _list(self, query: RunsQuery, form: Html) -> Shown:
        shown = set(query.show.split(","))
        runs = self.manager.folders.all(_LISTED)
        listed = [self._listed(run, is_shown=run.id in shown) for run in runs]
        more = max(len(self.manager.folders.ids()) - _LISTED, 0)
        is_active = any(each.is_active or not each.losses.is_complete for each in listed)
        content = (
            element("h1", "Runs"),
            form,
            _result(run_list(query, listed, more), is_active=is_active),
        )
        return Shown("Runs", query.address(), content)

    def _listed(self, run: Run, *, is_shown: bool = True) -> Listed:
        state = self.manager.state(run.id)
        losses = Losses() if run.kind == CROSSCHECK and not is_shown else self._losses.losses(run)
        return Listed(run, state, losses, is_shown)

    def _one(self, query: RunsQuery, each: Listed) -> Child:
        run, folders = each.run, self.manager.folders
        messages = _as_text(folders.read(run.id, MESSAGES, most=_TEXT))
        parts: list[Child] = [heading(each, messages, query)]
        form: Child = None
        share = 1.0
        if run.kind == COMPARE:
            summary = _as_text(folders.read(run.id, SUMMARY, most=_TEXT))
            measured = self._measured.measured(run)
            share = self._measured.share(run)
            form = compare_form(query, measured)
            parts += [
                _headline(summary),
                training(each, None),
                _progress(share),
                compare_view(query, measured, lambda cell: self._measured.record(run, cell)),
            ]
        elif run.kind == CROSSCHECK:
            parts.append(crosscheck_view(folders.results(run.id)))
        else:
            parts.append(training(each, folders.results(run.id)))
        return form, _result(
            *parts, is_active=each.is_active or share < 1 or not each.losses.is_complete
        )


def _progress(share: float) -> Child:
    """Return how much of long records was read; nothing if all was."""
    if share == 1:
        return None
    return element("p", f"{share:.0%} of the records were read so far.", class_="soft")


def _headline(summary: str) -> Child:
    """Return the sentences of a comparison's text: what stands above its table."""
    lines = summary.partition("\n\n")[0].splitlines()[2:]
    return element("p", shorten(" ".join(lines), 3000), class_="headline") if lines else None


def _as_text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "replace").strip()


def _result(*children: Child, is_active: bool) -> Html:
    return element("div", *children, id="result", data_active=is_active)
