"""Elements of figures. Colours are those of the style sheet, by classes."""

from __future__ import annotations

from numlean.pages.html import Child, Html, element


def svg(
    width: float,
    height: float,
    label: str,
    *children: Child,
    class_: str,
    has_links: bool = False,
) -> Html:
    """Return a figure that fills the width of its place.

    Args:
        width: The width of its coordinates.
        height: The height of its coordinates.
        label: What it shows, for people who cannot see it.
        children: Its elements.
        class_: The class of its style.
        has_links: Whether parts of it are links.
    """
    return element(
        "svg",
        *children,
        viewBox=f"0 0 {width:g} {height:g}",
        role="group" if has_links else "img",
        aria_label=label,
        class_=class_,
    )


def line(x1: float, y1: float, x2: float, y2: float, class_: str, title: str = "") -> Html:
    """Return a line, with a text that is shown above it where the pointer is."""
    return element(
        "line", _title(title), x1=_at(x1), y1=_at(y1), x2=_at(x2), y2=_at(y2), class_=class_
    )


def text(x: float, y: float, content: str, *, anchor: str = "middle", class_: str = "") -> Html:
    """Return a text; ``anchor`` is the part of it that is at x: start, middle or end."""
    return element("text", content, x=_at(x), y=_at(y), text_anchor=anchor, class_=class_ or None)


def path(d: str, class_: str, title: str = "") -> Html:
    """Return a path."""
    return element("path", _title(title), d=d, class_=class_)


def rectangle(
    x: float, y: float, width: float, height: float, class_: str, title: str = ""
) -> Html:
    """Return a rectangle."""
    return element(
        "rect",
        _title(title),
        x=_at(x),
        y=_at(y),
        width=_at(width),
        height=_at(height),
        class_=class_,
    )


def _title(text: str) -> Child:
    return element("title", text) if text else None


def _at(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
