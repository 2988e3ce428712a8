"""Record the files that this process opens."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_recording: list[set[str]] = []
"""The sets to add names to. An audit hook cannot be removed, so it stays, and adds to none."""


@contextmanager
def opened_files() -> Iterator[set[str]]:
    """Yield a set to which the names of opened files are added, as the code spells them."""
    _add_hook()
    names: set[str] = set()
    _recording.append(names)
    try:
        yield names
    finally:
        _recording.remove(names)


@cache
def _add_hook() -> None:
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _recording and isinstance(arguments[0], str | bytes | os.PathLike):
        for names in _recording:
            names.add(os.fsdecode(arguments[0]))
