"""Parts of pages that several views have."""

from __future__ import annotations

from numlean.pages.html import Child, Html, element


def scrolling(label: str, *children: Child, class_: str = "scroll") -> Html:
    """Return a region that scrolls where it is too wide, also by the keyboard.

    Args:
        label: Its name, which no other region of the page has.
        children: What it contains.
        class_: The class of its style.
    """
    return element("div", *children, class_=class_, tabindex=0, role="region", aria_label=label)


def paragraph(text: str, class_: str | None = None) -> Html:
    """Return a paragraph, in which what stands between ``**`` is bold."""
    parts = text.split("**")
    return element(
        "p",
        [element("b", part) if k % 2 else part for k, part in enumerate(parts)],
        class_=class_,
    )
