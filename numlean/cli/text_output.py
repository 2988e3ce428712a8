"""Text files that commands write. Each replaces an older one as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from numlean.cli.failed_outputs import FailedOutputs
from numlean.cli.interrupt import uninterrupted
from numlean.files import atomic
from numlean.files.messages import writing

WriteText: TypeAlias = Callable[[str], None]


def check_can_write(what: str, path: str | Path) -> None:
    """Check before a run that a file can be written; an existing one stays as it is.

    Raises:
        NumleanError: The file cannot be written. A full disk is no error before the run.
    """
    with writing(f"{what} {path}"):
        atomic.check(path)


def write_text(path: str | Path, text: str) -> None:
    """Write a file in UTF-8.

    Raises:
        OSError: The file cannot be written.
    """
    atomic.write(path, encoded(text))


@contextmanager
def text_output(what: str, path: Path, failed: FailedOutputs) -> Iterator[WriteText]:
    """Yield a function that writes a piece of a text file in UTF-8.

    The pieces replace an existing file at the end, also if the command ends early by an error or an
    interrupt, which waits for a piece to be written. If a piece cannot be written, the old file
    stays, what was written of the new one is removed at once, and later pieces are left out.

    Args:
        what: What the file is, for messages, such as "the records".
        path: The file.
        failed: Notes a failure.
    """
    new: atomic.Replacement | None = None
    is_lost = False

    def write(text: str) -> None:
        nonlocal new, is_lost
        if is_lost:
            return
        with uninterrupted(), failed.tolerate(what, path):
            is_lost = True
            new = atomic.Replacement(path) if new is None else new
            try:
                new.write(encoded(text))
                is_lost = False
            finally:
                if is_lost:
                    new.discard()

    try:
        yield write
    finally:
        if new is not None and not is_lost:
            with uninterrupted(), failed.tolerate(what, path, at_end=True):
                new.commit()


def encoded(text: str) -> bytes:
    """Return a text in UTF-8; halves of surrogate pairs, as in names of files, are escaped."""
    return text.encode("utf-8", "backslashreplace")
