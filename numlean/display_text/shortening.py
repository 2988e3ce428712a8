"""Shorten values in messages, so that a message can be read whatever it quotes."""

from __future__ import annotations

import re
from typing import Final

from numlean.display_text.escaping import escape_line

LONGEST_VALUE: Final = 160
"""The most characters of a word or a quoted value in a message."""

LONGEST_MESSAGE: Final = 2000
"""The most characters of a message. The longest one without a long value lists all functions."""

_KEPT_END: Final = 20

_MANY: Final = f"{{{LONGEST_VALUE},}}"
_LONG_QUOTED: Final = re.compile(
    rf"""(?<!\w)'(?:[^'\\]|\\.){_MANY}'(?!\w)|(?<!\w)"(?:[^"\\]|\\.){_MANY}"(?!\w)"""
)
_LONG_WORD: Final = re.compile(rf"\S\S{_MANY}")


def shorten(text: str, longest: int = LONGEST_VALUE) -> str:
    """Return a text of at most ``longest`` characters: its beginning, "..." and its end."""
    if len(text) <= longest:
        return text
    end = min(_KEPT_END, longest // 4)
    return f"{text[: longest - 3 - end]}...{text[len(text) - end :]}"


def shorten_words(line: str) -> str:
    """Return a line whose words and quoted values, and which itself, are not too long."""
    if len(line) <= LONGEST_VALUE:
        return line
    for pattern in (_LONG_QUOTED, _LONG_WORD):
        line = pattern.sub(lambda match: shorten(match[0]), line)
    return shorten(line, LONGEST_MESSAGE)


def printable(name: str, limit: int = 80) -> str:
    """Return a name from outside for a message of one line: quoted if necessary, and cut."""
    start = name[: limit + 1]
    text = start if start and start.isprintable() else repr(start)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def one_line(message: object) -> str:
    """Return a message as one line that a terminal shows as it is, its values shortened."""
    return shorten_words(escape_line(str(message)))
