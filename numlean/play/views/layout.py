"""Parts of pages that several views have."""

from __future__ import annotations

from numlean.play.html import Child, Html, element


def scrolling(label: str, *children: Child, class_: str = "scroll") -> Html:
    """Return a region that scrolls where it is too wide, also by the keyboard.

    Args:
        label: Its name, which no other region of the page has.
        children: What it contains.
        class_: The class of its style.
    """
    return element("div", *children, class_=class_, tabindex=0, role="region", aria_label=label)
