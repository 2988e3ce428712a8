"""HTML that is escaped by construction: every text becomes part of a page by ``element``.

A ``str`` among the children or attributes of an element is always text, never markup. Only this
module makes ``Html``, so no value from outside can become a tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Final, TypeAlias

from numlean.display_text import escape_controls

_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")
_VERBATIM: Final = ("style", "script")
_VOID: Final = frozenset(("meta", "link", "input", "br"))


@dataclass(frozen=True)
class Html:
    """A piece of a page.

    Attributes:
        text: The markup.
    """

    text: str


Child: TypeAlias = "Html | str | Iterable[Child] | None"
"""Markup, a text, several of these, or nothing."""

Attribute: TypeAlias = str | int | float | bool | None
"""The value of an attribute: True for one without a value, False or None to leave it out."""


def element(tag: str, /, *children: Child, **attributes: Attribute) -> Html:
    """Return an element.

    Args:
        tag: The name of its tag.
        children: What it contains.
        attributes: Its attributes. An underscore at the end of a name is dropped (``class_``),
            others stand for hyphens (``aria_label``).
    """
    opening = "".join([f"<{_checked(tag)}", *map(_attribute, attributes.items()), ">"])
    if tag in _VOID:
        return Html(opening)
    return Html(f"{opening}{join(*children).text}</{tag}>")


def join(*children: Child) -> Html:
    """Return pieces one after the other."""
    return Html("".join(map(_markup, children)))


def verbatim(tag: str, text: str, /, **attributes: Attribute) -> Html:
    """Return a style sheet or a script of numlean's own, whose text is not escaped.

    Raises:
        ValueError: The text would end the element.
    """
    if tag not in _VERBATIM or f"</{tag}" in text.lower():
        raise ValueError(f"a {tag} element cannot contain this text")
    opening = "".join([f"<{tag}", *map(_attribute, attributes.items()), ">"])
    return Html(f"{opening}{text}</{tag}>")


def document(title: str, head: Child, body: Child) -> str:
    """Return a whole page."""
    page = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", title),
            head,
        ),
        element("body", body),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{page.text}\n"


def _markup(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child.text
    if isinstance(child, str):
        return escape(escape_controls(child), quote=False)
    return "".join(map(_markup, child))


def _attribute(item: tuple[str, Attribute]) -> str:
    name, value = item
    if value is None or value is False:
        return ""
    name = _checked(name.removesuffix("_").replace("_", "-"))
    if value is True:
        return f" {name}"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f' {name}="{escape(escape_controls(text), quote=True)}"'


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of an element or an attribute")
    return name
