"""Parts of pages in a notebook: a frame of their own, with their style sheet and script."""

from __future__ import annotations

from collections.abc import Iterable

from numlean.pages.html import Child, element
from numlean.pages.shell import html_document


def frame(title: str, sections: Iterable[Child], *, height: int = 480) -> str:
    """Return an HTML text that shows parts of a page, and loads nothing from a network.

    Neither the parts nor the notebook can change each other's style or run each other's scripts.

    Args:
        title: The title, as plain text.
        sections: The parts.
        height: The height of the frame in pixels; what is below is reached by scrolling.
    """
    shown = element(
        "iframe",
        title=title,
        sandbox="allow-scripts",
        srcdoc=html_document(title, sections),
        style=f"width: 100%; height: {height}px; border: 0",
    )
    return shown.text
