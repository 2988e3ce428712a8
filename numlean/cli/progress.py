"""Progress of long work: a bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from numlean.display_text import escape_line


class Advance(Protocol):
    """Function to call after each step, or after several."""

    def __call__(self, note: str | Callable[[], str], steps: int = 1, /) -> None:
        """Show a note, or what a function returns.

        Args:
            note: The note.
            steps: The number of steps since the last call.
        """


_SECONDS_BETWEEN: Final = 0.1


SHOWN: Final[list[Callable[[str], None]]] = []
"""Functions that show a note next to the bars that are shown now, the last one last."""


@contextmanager
def progress(title: str, total: int, *, done: int = 0) -> Iterator[Advance]:
    """Show a bar of ``total`` steps on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield _show_nothing
        return
    from numlean.cli.progress_bar import make_bar  # importing rich takes longer than a short run

    with make_bar() as bar:
        job = bar.add_task(escape_line(title), total=total, completed=done, note="")
        count, shown = done, 0.0

        def advance(note: str | Callable[[], str], steps: int = 1, /) -> None:
            nonlocal count, shown
            count += steps
            # A step may take less time than drawing the bar.
            if count == total or time.monotonic() - shown > _SECONDS_BETWEEN:
                shown = time.monotonic()
                text = escape_line(note if isinstance(note, str) else note())
                bar.update(job, completed=count, note=text)

        def show(note: str) -> None:
            bar.update(job, note=escape_line(note))

        SHOWN.append(show)
        try:
            yield advance
        finally:
            SHOWN.remove(show)


def _show_nothing(note: str | Callable[[], str], steps: int = 1, /) -> None:
    """Do nothing, as in a pipe."""
