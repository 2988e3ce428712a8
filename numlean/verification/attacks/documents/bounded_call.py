"""Run a command in this process, within a limit for its memory and its time."""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from numlean.verification.attacks.attack import Program
from numlean.verification.attacks.documents.opened_files import Identity, identities, opened_files
from numlean.verification.in_process import Reaction, react

MEMORY: Final = 2 << 30
"""The bytes that a command may take beside those that the process has."""

SECONDS: Final = 1200.0
"""The seconds after which a command counts as one that hangs, on any machine."""

ERROR: Final = 2
"""The exit status of a command that refuses a file."""


class CommandTooLongError(BaseException):
    """A command took too long."""


@dataclass(frozen=True)
class BoundedReaction(Reaction):
    """How a command ended.

    Attributes:
        opened: The identities of the files that it opened.
    """

    opened: frozenset[Identity] = frozenset()

    def opened_one(self, paths: Iterable[str]) -> str | None:
        """Return one of some files that the command opened; None if it opened none of them."""
        return next((path for path in sorted(paths) if self.opened & identities(path)), None)

    @property
    def complaint(self) -> str | None:
        """What no command may do, whatever its files contain; None if it did nothing of it."""
        if self.exception:
            return self.exception
        lines = self.errors.splitlines()
        odd = next((line for line in lines if not line.startswith("numlean: ")), None)
        if odd is not None:
            return f"standard error has the line {odd!r:.200}"
        if "out of memory" in self.errors:
            return "it ran out of memory"
        if not self.errors.replace("\n", "").isprintable():
            return f"standard error has control characters: {self.errors!r:.200}"
        return None

    def refusal_complaint(self, path: object) -> str | None:
        """Return what is wrong with the refusal of a file: it has to be one line that names it."""
        if self.complaint is not None:
            return self.complaint
        if self.status != ERROR:
            return f"it ended with status {self.status}"
        last = self.errors.splitlines()[-1] if self.errors else ""
        if not last.startswith(f"numlean: error: {path}: "):
            return f"the error does not name the file: {last!r:.200}"
        if self.errors.count("numlean: error: ") != 1 or self.output:
            return "it wrote more than one error"
        return None


def call(program: Program, argv: Sequence[str]) -> BoundedReaction:
    """Run a command line.

    Raises:
        KeyboardInterrupt: A signal ended the command.
    """
    with opened_files() as opened, _limits():
        found = react(program.main, argv)
    return BoundedReaction(
        found.status, found.output, found.errors, found.exception, frozenset(opened)
    )


@contextmanager
def _limits() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _data_size() + MEMORY
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        with _alarm():
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


@contextmanager
def _alarm() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # signals are not handled here
        yield
        return

    def stop(*_: object) -> None:
        raise CommandTooLongError(f"more than {SECONDS:.0f} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _data_size() -> int:
    """Return the bytes of this process that count for the limit of its data."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    return pages * resource.getpagesize()
