"""Files that cannot be written while a command runs: it goes on, and ends with exit status 2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

from numlean.cli import exit_status
from numlean.display_text import one_line
from numlean.errors import NumleanError
from numlean.files.messages import reason_of
from numlean.process.waiting import is_ended_wait


class FailedOutputs:
    """The files that a command could not write when they were due.

    Training goes on when a file of it cannot be written: what has been computed is worth more than
    the file. The first failure of a file is a line at once, and the exit status is 2, also if a
    later attempt completes the file. If a signal ended the wait for the reader of a pipe, the exit
    status is that of the signal.
    """

    def __init__(self) -> None:
        self._names: dict[str, bool] = {}  # whether the file is complete now
        self._has_failed = False

    @contextmanager
    def tolerate(
        self, what: str, path: str | PathLike[str], *, at_end: bool = False
    ) -> Iterator[None]:
        """Report an error of writing a file, and go on; no error means that it is complete.

        Args:
            what: What the file is, such as "the log".
            path: The file.
            at_end: Whether nothing but the end of the command follows.
        """
        name = f"{what} {path}"
        try:
            yield
        except (OSError, NumleanError, MemoryError) as error:
            is_ended = is_ended_wait(error)
            if self._names.get(name, True):
                more = "" if at_end or is_ended else "; the run continues"
                _report(f"cannot write {name}: {_reason(error, name, path)}{more}")
            self._names[name] = False
            self._has_failed |= not is_ended
        else:
            if name in self._names:
                self._names[name] = True

    def exit_status(self, status: int) -> int:
        """Name the files that were completed late, and return the exit status of the command.

        Args:
            status: The exit status if every file was written.
        """
        for name, is_complete in self._names.items():
            if is_complete:
                _report(f"{name} was completed late, after an error")
        return exit_status.ERROR if self._has_failed else status


def _reason(error: Exception, name: str, path: str | PathLike[str]) -> str:
    if isinstance(error, OSError):
        return reason_of(error)
    text = str(error) or "out of memory"
    return text.removeprefix(f"cannot write {name}: ").removeprefix(f"{path}: ")


def _report(text: str) -> None:
    print(f"numlean: error: {one_line(text)}", file=sys.stderr, flush=True)
