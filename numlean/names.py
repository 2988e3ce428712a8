"""The nearest known names of an unknown name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_LEAST_LIKENESS: Final = 0.6
_MOST: Final = 2


def nearest_names(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the known names most like a name, the nearest first; none where nothing is like it.

    Case and the separators ``-``, ``_`` and space do not count.
    """
    # Imported here because only errors need it.
    from difflib import get_close_matches

    by_key: dict[str, str] = {}
    for each in known:
        by_key.setdefault(_key(each), each)
    keys = get_close_matches(_key(name)[:80], by_key, n=_MOST, cutoff=_LEAST_LIKENESS)
    return tuple(by_key[key] for key in keys)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'sqrt'?`` for an unknown name; empty where no known name is near."""
    near = nearest_names(name, known)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def _key(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")
