"""Figures of matplotlib as SVG within a page, coloured by the page's style sheet."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK: Final = "#a10000"
"""Placeholder for the colour of text."""
GRID: Final = "#a20000"
"""Placeholder for the colour of grid lines."""
PAPER: Final = "#a30000"
"""Placeholder for the background colour."""

_SETTINGS: Final = {
    "svg.fonttype": "none",  # text stays text: it can be found, copied and read aloud
    "svg.hashsalt": "numlean",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # few are wider, so that no label is cut
    "font.size": 8.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.facecolor": "none",
}


def series_colour(k: int) -> str:
    """Return the placeholder for the colour of the k-th run."""
    return f"#a4{k % 8:04x}"


def level_colour(k: int) -> str:
    """Return the placeholder for the colour of the k-th level of a map."""
    return f"#a5{k:04x}"


@contextmanager
def page_style() -> Iterator[None]:
    """Apply the page's style to figures made within the context."""
    # Imported here because it takes longer to import than all of numlean.
    from matplotlib import rc_context

    settings: dict[Any, Any] = dict(_SETTINGS)
    with rc_context(settings):
        yield


def as_svg(figure: Figure, name: str, description: str) -> str:
    """Return a figure as an element of the page, which shrinks but does not grow.

    Args:
        figure: The figure.
        name: A name that is unique within the page.
        description: A description for screen readers.
    """
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    box = re.search(r'viewBox="([^"]*)"', text)
    assert box is not None
    width = float(box[1].split()[2]) * 4 / 3
    opening = (
        f'<svg viewBox="{box[1]}" style="max-width: {width:.0f}px" role="img"'
        f' aria-label="{escape(description, quote=True)}">'
    )
    text = re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1)
    text = text.replace("xlink:href", "href")
    # Identifiers are unique within a figure, not within a page of several figures.
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(href="|url\()#', rf"\1#{name}-", text)
    return _apply_colours(text)


def _apply_colours(text: str) -> str:
    for colour, meaning in ((INK, "currentColor"), (GRID, "var(--grid)"), (PAPER, "var(--paper)")):
        text = text.replace(colour, meaning)
    text = re.sub(r"#a4([0-9a-f]{4})", lambda m: f"var(--run-{int(m[1], 16)})", text)
    text = re.sub(r"#a5([0-9a-f]{4})", lambda m: f"var(--level-{int(m[1], 16)})", text)
    return re.sub(r"(font: [\d.]+px) [^;\"]*", r"\1 var(--font)", text)
