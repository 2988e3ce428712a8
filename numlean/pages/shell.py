"""The frame of a self-contained page: its head, style sheet, script and title."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from numlean.pages.html import Child, document, element, verbatim

_FILES: Final = ("style.css", "page.js")


def page_file(name: str) -> str:
    """Return the text of a file that pages load, or contain."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def html_document(title: str, sections: Iterable[Child]) -> str:
    """Return an HTML text, which loads nothing from a network.

    A policy within it lets only its own style sheet and script take effect.

    Args:
        title: The title, as plain text.
        sections: The parts of the page.
    """
    style, script = map(page_file, _FILES)
    policy = (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)};"
        " base-uri 'none'; form-action 'none'"
    )
    head = (
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        verbatim("style", style),
        verbatim("script", script, type="module"),
    )
    main = element("main", element("h1", title), list(sections), id="main")
    return document(f"numlean: {title}", head, main)


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
