"""The view of formats, for the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from numlean.errors import NumleanError
from numlean.inspection.syntax import nested_too_deeply
from numlean.pages.html import Html, element
from numlean.play.page import Link
from numlean.play.views.formats.catalogue import catalogue
from numlean.play.views.formats.compute import convert, format_facts
from numlean.play.views.formats.query import PATH, FormatsQuery
from numlean.play.views.formats.render import (
    catalogue_section,
    conversion_section,
    facts_section,
    form,
)
from numlean.play.views.parameters import WORK_BITS
from numlean.play.views.text import error_message
from numlean.play.views.view import Shown, View
from numlean.play.workspace import Workspace
from numlean.scalar import work_limit


def show_formats(parameters: Mapping[str, str], workspace: Workspace) -> Shown:
    """Compute the view; what was typed wrongly is a message on the page."""
    message = None
    try:
        query = FormatsQuery.of(parameters)
    except NumleanError as error:
        query, message = FormatsQuery.of({}), error_message(str(error))
    entries = catalogue()
    content = (
        element("h1", "Formats"),
        form(query, entries),
        element(
            "div",
            message,
            _facts(query, workspace),
            _conversion(query),
            catalogue_section(query, entries),
            id="result",
        ),
    )
    return Shown(query.format, query.address(), content)


def _facts(query: FormatsQuery, workspace: Workspace) -> Html:
    try:
        return facts_section(format_facts(query, workspace))
    except NumleanError as error:
        return error_message(str(error))


def _conversion(query: FormatsQuery) -> Html:
    try:
        with work_limit.max_bits(WORK_BITS):
            return conversion_section(query, convert(query), "")
    except NumleanError as error:
        return conversion_section(query, None, str(error))
    except RecursionError:
        return conversion_section(query, None, str(nested_too_deeply()))


FORMATS: Final = View(Link(PATH, "Formats"), "formats.js", show_formats)
