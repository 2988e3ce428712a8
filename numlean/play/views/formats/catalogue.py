"""The list of all formats."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Final

from numlean.errors import NumleanError
from numlean.scalar.dtype import ALIASES
from numlean.scalar.registry import get_scalar, scalar_backends
from numlean_kernels.formats import Format

_EXAMPLES: Final = {
    "ieee": ("ieee:e3m3",),
    "p3109": ("p3109:8.3",),
    "posit": ("posit:8", "posit:16", "posit:32"),
    "takum": ("takum:8", "takum:16", "takum:32"),
    "fixed": ("fixed:4.4", "fixed:8.8"),
    "lns": ("lns:5.3", "lns:8.7"),
    "mp": ("mp:100",),
}
"""Dtypes of the backends that take an argument."""


@dataclass(frozen=True)
class Entry:
    """A format in the list.

    Attributes:
        dtype: The dtype.
        summary: What its numbers are.
        aliases: Its other names.
        format: The format of its encodings; None without one.
    """

    dtype: str
    summary: str
    aliases: tuple[str, ...]
    format: Format | None


@cache
def catalogue() -> tuple[Entry, ...]:
    """Return the formats that this installation has; of those with an argument examples.

    Those that run in compiled code only are not made, as that loads a compiler, and may load a
    large library.
    """
    return tuple(sorted(_entries(), key=_order))


def _entries() -> Iterator[Entry]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # backends that cannot be loaded are not in the list
        backends = list(scalar_backends())
    for name, backend in backends:
        if not all(map(find_spec, backend.needs)):
            continue
        for dtype in _EXAMPLES.get(name, () if ":" in backend.pattern else (name,)):
            format = backend.format
            if "python" in backend.devices:
                try:
                    format = get_scalar(dtype, "python").format
                except NumleanError:
                    continue  # such as a library that is not installed
            aliases = tuple(alias for alias, of in ALIASES.items() if of == dtype)
            yield Entry(dtype, backend.summary, aliases, format)


def _order(entry: Entry) -> tuple[bool, int, str]:
    return entry.format is None, -(entry.format.width if entry.format else 0), entry.dtype
