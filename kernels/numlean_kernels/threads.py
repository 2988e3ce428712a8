"""The number of threads that compute a kernel. No bit depends on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, final

VARIABLE: Final = "NUMLEAN_NUM_THREADS"
"""The environment variable that gives the number of threads of a process."""

MOST_THREADS: Final = 1024
"""The most threads of a process."""


def available_processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_threads(name: str, count: int) -> int:
    """Return a number of threads.

    Raises:
        ValueError: It is out of range.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_THREADS:
        raise ValueError(f"{name} must be an integer from 1 to {MOST_THREADS}, got {count!r}")
    return count


def threads_of_environment() -> int | None:
    """Return the number of threads that the environment gives; None if it gives none.

    Raises:
        ValueError: It is no number of threads.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else text
    return check_threads(VARIABLE, number)  # type: ignore[arg-type]


@final
class Threads:
    """The number of threads of this process."""

    def __init__(self) -> None:
        self._count: int | None = None
        self._is_given = False

    @property
    def count(self) -> int:
        """The number of threads that compute a kernel.

        By default, the one of the environment, or else one for each processor.

        Raises:
            ValueError: That of the environment is no number of threads.
        """
        if self._count is None:
            given = threads_of_environment()
            self._is_given = given is not None
            self._count = min(available_processors(), MOST_THREADS) if given is None else given
        return self._count

    @count.setter
    def count(self, count: int) -> None:
        self._count = check_threads("the number of threads", count)
        self._is_given = True

    @property
    def is_given(self) -> bool:
        """Whether the number was set, or comes from the environment."""
        return self.count > 0 and self._is_given

    @contextmanager
    def given(self, count: int | None) -> Iterator[None]:
        """Use a number of threads while the context lasts; None changes nothing.

        Raises:
            ValueError: It is out of range.
        """
        before = self._count, self._is_given
        if count is not None:
            self.count = count
        try:
            yield
        finally:
            if count is not None:
                self._count, self._is_given = before

    def of_each(self, processes: int) -> int:
        """Return the number of threads for each of several processes that compute at once.

        It is this process's if that was given, and else a share of the processors.
        """
        return self.count if self.is_given else max(self.count // max(processes, 1), 1)


THREADS: Final = Threads()
"""The number of threads of this process."""
