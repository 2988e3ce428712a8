"""Record the files that this process opens."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, TypeAlias

Identity: TypeAlias = str | tuple[int, int]
"""A name of a file without links, or its device and its number on that."""

_recording: list[set[Identity]] = []
"""The sets to add files to. An audit hook cannot be removed, so it stays, and adds to none."""


@contextmanager
def opened_files() -> Iterator[set[Identity]]:
    """Yield a set to which the identities of opened files are added."""
    _add_hook()
    files: set[Identity] = set()
    _recording.append(files)
    try:
        yield files
    finally:
        _recording.remove(files)


def identities(path: str) -> set[Identity]:
    """Return what identifies a file, however a path to it is spelled and through any link.

    The null device only has its name: every command opens it, and standard input may be it.
    """
    found: set[Identity] = {os.path.abspath(path)}  # noqa: PTH100 - keeps links
    with suppress(OSError, ValueError):  # no path can be this, or nothing is there
        if os.path.realpath(path) != os.devnull:
            found.add(os.path.realpath(path))
            status = os.stat(path)  # noqa: PTH116 - Path changes the empty path
            found.add((status.st_dev, status.st_ino))
    return found


@cache
def _add_hook() -> None:
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _recording and isinstance(arguments[0], str | bytes | os.PathLike):
        found = identities(os.fsdecode(arguments[0]))
        for files in _recording:
            files.update(found)
