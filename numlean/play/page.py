"""The frame of every page: head, navigation, the view, and the line for messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numlean.pages.html import Child, document, element


@dataclass(frozen=True)
class Link:
    """An entry of the navigation.

    Attributes:
        path: The view's path.
        title: The view's name.
    """

    path: str
    title: str


def page(
    links: Sequence[Link], current: Link, *, title: str, address: str, script: str, view: Child
) -> str:
    """Return a page.

    Args:
        links: The views.
        current: The view that is shown.
        title: What it shows, for the title of the window.
        address: The canonical path and query of what it shows.
        script: The name of the view's script.
        view: Its content.
    """
    head = (
        element("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        element("link", rel="stylesheet", href="/static/style.css"),
        element("link", rel="stylesheet", href="/static/play.css"),
        element("script", src=f"/static/{script}", type="module"),
    )
    body = (
        element("a", "Skip to the content", href="#main", class_="skip"),
        element(
            "header",
            element("span", "numlean play", class_="brand"),
            element("nav", [_entry(link, current) for link in links], aria_label="Views"),
        ),
        element("p", id="status", role="status", class_="status"),
        element("main", view, id="main", data_address=address),
    )
    return document(f"{title} - numlean play", head, body)


def _entry(link: Link, current: Link) -> Child:
    here = "page" if link == current else None
    return element("a", link.title, href=link.path, aria_current=here)
