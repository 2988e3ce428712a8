"""Differences between two descriptions of runs, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from numlean.checkpoint.fingerprint import Plain
from numlean.display_text import printable

_ABSENT: Final = object()

_SHOWN: Final = 5
"""Maximum number of differences that a summary shows; it counts the others."""


def differences(there: Plain, here: Plain, name: str = "") -> Iterator[str]:
    """Yield one sentence for each place in which two descriptions differ."""
    match there, here:
        case dict(), dict():
            for key in (*there, *(key for key in here if key not in there)):
                inner = f"{name}.{printable(key)}" if name else printable(key)
                yield from differences(there.get(key, _ABSENT), here.get(key, _ABSENT), inner)
        case list(), list() if len(there) == len(here):
            for index, (one, other) in enumerate(zip(there, here, strict=True)):
                yield from differences(one, other, f"{name}.{index}")
        case _ if there != here or isinstance(there, bool) != isinstance(here, bool):
            yield f"{name} is {_shown(there)} in the file and {_shown(here)} here"


def summary(different: Iterable[str]) -> str:
    """Return the first few differences and the number of others; "" if there are none."""
    differences = iter(different)
    shown, more = list(islice(differences, _SHOWN)), sum(1 for _ in differences)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _shown(value: Plain) -> str:
    if value is _ABSENT:
        return "absent"
    if isinstance(value, dict) and "class" in value:
        return printable(str(value["class"]))
    return f"{len(value)} long" if isinstance(value, dict | list) else f"{value!r:.80}"
