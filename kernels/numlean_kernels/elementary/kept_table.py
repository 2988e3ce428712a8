"""Tables of words that take long to compute, kept on disk for later processes.

The key of a table contains its name, the content of the modules that compute tables, and the
versions of Python and mpmath. A file contains the words, which no arithmetic interprets before the
hash and the key in it have been checked.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np

from numlean_kernels.cache_files.entry import digest
from numlean_kernels.cache_files.folder import TABLE, file_name
from numlean_kernels.cache_files.store import Store

Words = np.ndarray[Any, np.dtype[np.uint64]]

_TABLES: Final = Store("table", "tables of constants", "compute")
_WORD: Final = np.dtype("<u8")


def kept_table(name: str, compute: Callable[[], Words], *, fits: Callable[[int], bool]) -> Words:
    """Return a table of words: from disk, or else computed and saved.

    Args:
        name: The name of the table among all that are kept.
        compute: Computes the table, of one axis.
        fits: Whether a table can have that number of words.
    """
    key = f"table {name} {_version()}"
    file = file_name(name, digest(key), TABLE)

    def rebuild(content: bytes) -> Words:
        table = np.frombuffer(content, _WORD).astype(np.uint64)
        if not fits(table.size):
            raise ValueError(f"it has {table.size} words")
        return table

    found = _TABLES.load(file, key, rebuild)
    if found is None:
        found = compute()
        _TABLES.save(file, key, found.astype(_WORD).tobytes())
    return found


def kept_tables(
    name: str, sizes: Sequence[int], compute: Callable[[], Sequence[Words]]
) -> list[Words]:
    """Return several tables of known sizes, which are computed and kept together."""
    total = sum(sizes)
    whole = kept_table(name, lambda: np.concatenate(compute()), fits=total.__eq__)
    return np.split(whole, np.cumsum(sizes[:-1]))


@cache
def _version() -> str:
    """Return what tables depend on besides their names."""
    content = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        content.update(path.read_bytes())
    try:
        reals = version("mpmath")
    except PackageNotFoundError:
        reals = "unknown"
    return f"{sys.version} mpmath {reals} {content.hexdigest()}"
