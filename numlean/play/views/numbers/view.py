"""The view of numbers, for the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from numlean.display_text import shorten
from numlean.errors import NumleanError
from numlean.play.html import Child, Html, element
from numlean.play.page import Link
from numlean.play.scalars.loading import chosen_formats
from numlean.play.views.numbers.compute import compute_card
from numlean.play.views.numbers.query import PATH, NumbersQuery
from numlean.play.views.numbers.render import form, result
from numlean.play.views.text import error_message
from numlean.play.views.view import Shown, View
from numlean.play.workspace import Workspace


def show_numbers(parameters: Mapping[str, str], workspace: Workspace) -> Shown:
    """Compute the view; what was typed wrongly is a message on the page."""
    heading = element("h1", "Numbers")
    try:
        query = NumbersQuery.of(parameters)
    except NumleanError as error:
        query = NumbersQuery.of({})
        return _shown(query, (heading, form(query, ()), _failed(error)))
    try:
        formats = chosen_formats(query.formats, workspace)
    except NumleanError as error:
        return _shown(query, (heading, form(query, ()), _failed(error)))
    cards = [compute_card(query, each) for each in formats]
    dtypes = [each.dtype for each in formats]
    return _shown(query, (heading, form(query, dtypes), result(query, cards)))


def _failed(error: NumleanError) -> Html:
    return element("div", error_message(str(error)), id="result")


def _shown(query: NumbersQuery, content: Child) -> Shown:
    return Shown(shorten(query.operands[0].text, 60), query.address(), content)


NUMBERS: Final = View(Link(PATH, "Numbers"), "numbers.js", show_numbers)
