r"""Escape characters that act on a terminal instead of being shown.

These are the control characters of ISO 6429, such as ESC, that move the cursor, clear the screen or
set its title; the separators of lines and paragraphs; the marks that reverse the direction of
writing (Unicode Standard Annex 9); and lone surrogates, which file names that are not UTF-8
contain. An escape is written as Python writes it in a text: ``\x1b``, ``\u202e``.
"""

from __future__ import annotations

import re
from typing import Final

_ACTING: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
)
_OF_TEXT: Final = re.compile(f"[{_ACTING}]")
_OF_LINE: Final = re.compile(f"[\t\n{_ACTING}]")


def escape_controls(text: str) -> str:
    """Return a text without characters that act on a terminal; tabs and line ends stay."""
    return text if text.isprintable() else _OF_TEXT.sub(_escape, text)


def escape_line(text: str) -> str:
    """Return a text as one line, without any character that acts on a terminal."""
    return text if text.isprintable() else _OF_LINE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
