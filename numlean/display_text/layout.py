"""The terminal that text is laid out for.

Outside of :func:`laid_out` text is as wide as it is, as in a pipe or in a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final


@dataclass
class Layout:
    """How the text of a command is shown.

    Attributes:
        width: The number of characters in a line of the terminal; None outside of a terminal.
        headings: The lines that are headings, which a terminal with colours shows in bold.
    """

    width: int | None = None
    headings: set[str] = field(default_factory=set)


_NO_LAYOUT: Final = Layout()
_LAYOUT: Final = ContextVar("numlean_layout", default=_NO_LAYOUT)


@contextmanager
def laid_out(layout: Layout) -> Iterator[None]:
    """Lay out all text for a terminal."""
    token = _LAYOUT.set(layout)
    try:
        yield
    finally:
        _LAYOUT.reset(token)


def line_width() -> int | None:
    """Return the number of characters in a line; None if it does not matter."""
    return _LAYOUT.get().width


def heading(line: str) -> str:
    """Return a line, which a terminal with colours shows in bold."""
    layout = _LAYOUT.get()
    if layout is not _NO_LAYOUT:
        layout.headings.add(line)
    return line
