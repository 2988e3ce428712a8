"""The view of numbers, for the server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from numlean.display_text import shorten
from numlean.errors import NumleanError
from numlean.pages.html import Child, Html, element
from numlean.play.page import Link
from numlean.play.scalars.loading import Chosen, chosen_formats
from numlean.play.views.numbers.compute import Card, compute_card
from numlean.play.views.numbers.query import PATH, NumbersQuery
from numlean.play.views.numbers.render import form, result
from numlean.play.views.parameters import WORK_BITS
from numlean.play.views.text import error_message
from numlean.play.views.view import Shown, View
from numlean.play.workspace import Workspace
from numlean.scalar import work_limit

_SECONDS: Final = 5
"""The time after which no further format is computed."""


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
    cards = list(_cards(query, formats))
    dtypes = [each.dtype for each in formats]
    return _shown(query, (heading, form(query, dtypes), result(query, cards)))


def _cards(query: NumbersQuery, formats: Sequence[Chosen]) -> Iterator[Card]:
    """Yield the cards; those for which no time is left have a message."""
    end = time.monotonic() + _SECONDS
    with work_limit.max_bits(WORK_BITS):
        for each in formats:
            if time.monotonic() < end:
                yield compute_card(query, each)
            else:
                message = f"the formats above have taken {_SECONDS} seconds; show this one alone"
                yield Card(each, message=message)


def _failed(error: NumleanError) -> Html:
    return element("div", error_message(str(error)), id="result")


def _shown(query: NumbersQuery, content: Child) -> Shown:
    return Shown(shorten(query.operands[0].text, 60), query.address(), content)


NUMBERS: Final = View(Link(PATH, "Numbers"), "numbers.js", show_numbers)
