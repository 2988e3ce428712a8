"""The parameters of an address, within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from numlean.display_text import shorten
from numlean.errors import NumleanError

LONGEST: Final = 2000
"""The most characters of a parameter."""

SAFE: Final = ",:@()"
"""Characters that addresses need not escape."""

WORK_BITS: Final = 1 << 14
"""The limit for the work of an expression, a quarter of that of ``numlean eval``."""


def checked_parameters(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return parameters as an address can have them, without blanks around them.

    Raises:
        NumleanError: One is too long.
    """
    for name, value in parameters.items():
        if len(value) > LONGEST:
            raise NumleanError(
                f"{shorten(name, 20)} has {len(value):,} characters, a page takes at most"
                f" {LONGEST:,}; use `numlean eval`"
            )
    return {name: _as_unicode(value).strip() for name, value in parameters.items()}


def _as_unicode(text: str) -> str:
    """Return a text without lone surrogates, which no address has."""
    return text.encode("utf-8", "replace").decode("utf-8")
