"""A progress bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

Advance: TypeAlias = Callable[[str | Callable[[], str]], None]
"""Told that one more step is done, and what to show beside the bar, or how to find it."""

_SECONDS_BETWEEN: Final = 0.1


@contextmanager
def progress(title: str, total: int, *, done: int = 0) -> Iterator[Advance]:
    """A bar of ``total`` steps, some already done, on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    # rich takes longer to import than a short run takes.
    from numlean.cli.train.bar import make_bar

    with make_bar() as bar:
        job = bar.add_task(title, total=total, completed=done, note="")
        count, shown = done, 0.0

        def advance(note: str | Callable[[], str]) -> None:
            nonlocal count, shown
            count += 1
            # A step may be shorter than it takes to draw it.
            if count == total or time.monotonic() - shown > _SECONDS_BETWEEN:
                shown = time.monotonic()
                bar.update(job, completed=count, note=note if isinstance(note, str) else note())

        yield advance
