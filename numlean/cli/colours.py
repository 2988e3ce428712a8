"""Colours on a terminal: when to use them, and which parts of a line they help to find.

The lines themselves contain none. They are coloured while they are written, after values from
outside have been escaped, so that no value can act on the terminal.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container
from typing import Any, Final, TypeAlias

CHOICES: Final = ("auto", "always", "never")
"""The values of ``--color``."""

_BOLD: Final = "1"
_RED: Final = "31"
_GREEN: Final = "32"
_YELLOW: Final = "33"
_BLUE: Final = "34"
_CYAN: Final = "36"
_BOLD_RED: Final = "1;31"
_DIM: Final = "2"


class ColourChoice:
    """The colours that an option has chosen for this command."""

    def __init__(self) -> None:
        self.value = CHOICES[0]

    def allows(self, stream: Any) -> bool:
        """Return whether lines on a stream have colours.

        An option decides; else ``NO_COLOR`` and ``FORCE_COLOR`` if they are not empty; else it is
        whether the stream is a terminal that is not ``dumb``.
        """
        if self.value != CHOICES[0]:
            return self.value == "always"
        if os.environ.get("NO_COLOR"):
            return False
        if os.environ.get("FORCE_COLOR"):
            return True
        return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"


COLOURS: Final = ColourChoice()
"""The choice of the command that runs."""


def _paint(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m"


def _painted(code: str) -> Callable[[re.Match[str]], str]:
    return lambda match: _paint(code, match[0])


def _encoding(match: re.Match[str]) -> str:
    """Colour the fields of an encoding: sign, exponent and fraction."""
    hexadecimal, *fields = match.groups()
    colours = (_RED, _GREEN, _BLUE)
    shown = (_paint(code, bits) for code, bits in zip(colours, fields, strict=True))
    return hexadecimal + " ".join(shown)


_Rule: TypeAlias = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]

_RULES: Final[tuple[_Rule, ...]] = (
    (re.compile(r"^numlean: error:"), _painted(_BOLD_RED)),
    (re.compile(r"^numlean: warning:"), _painted(_YELLOW)),
    (re.compile(r"^numlean:(?! error:| warning:).*$"), _painted(_DIM)),
    (re.compile(r"(?<=: )identical (?:encodings|exact values)\b"), _painted(_GREEN)),
    (re.compile(r"(?<=: )different (?:encodings|exact values)\b"), _painted(_RED)),
    (re.compile(r"(?<![\d,])0 (?:mismatches|broken)\b|^all are equal$"), _painted(_GREEN)),
    (re.compile(r"\b[\d,]*[1-9][\d,]* (?:mismatches|broken)\b|^\d+ differ$"), _painted(_RED)),
    (re.compile(r"\bBIASED\b"), _painted(_RED)),
    (re.compile(r"(?<=: )the bits are right\b"), _painted(_GREEN)),
    (re.compile(r"(?<=: )not available\b"), _painted(_YELLOW)),
    (re.compile(r"(?<= )\*$|(?<= )\*(?=  )"), _painted(_YELLOW)),
    (re.compile(r"^  -{1,2}[a-z][\w-]*(?:, -{1,2}[a-z][\w-]*)*"), _painted(_CYAN)),
    (re.compile(r"^  \$ .*$"), _painted(_CYAN)),
    (re.compile(r"(\b0x[0-9a-f]+ {3})([01]) ([01]+) ([01]+)\b"), _encoding),
)


def coloured(line: str, headings: Container[str]) -> str:
    """Return a line, which has been escaped, with the sequences that colour its parts."""
    if line in headings:
        return _paint(_BOLD, line)
    for pattern, paint in _RULES:
        line = pattern.sub(paint, line)
    return line
