"""The batches of a long comparison, distributed over processes, with results in order."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from threading import current_thread, main_thread
from typing import Final, TypeVar

from numlean.errors import NumleanError

Result = TypeVar("Result")

_OF_TERMINAL: Final = (signal.SIGINT, signal.SIGHUP)
"""Signals that a terminal sends to every process of a command."""

_NOT_OURS: Final = (None, signal.SIG_IGN)
"""Handlers that stay: None stands for one that Python has not set; the other ignores the signal."""

MOST_JOBS: Final = 1024
"""The most processes. Each takes about 100 MB of memory."""


def in_order(
    work: Callable[[int], Result], numbers: Iterator[int], jobs: int, what: str
) -> Iterator[Result]:
    """Yield ``work(number)`` for each number, in their order, computed by several processes.

    Args:
        work: Processes one batch; other processes must be able to import it.
        numbers: The batches.
        jobs: The number of processes; 1 uses this process only.
        what: The name of the work in an error.

    Raises:
        NumleanError: A process died.
    """
    if jobs <= 1:
        yield from map(work, numbers)
        return
    with _terminal_signals_blocked():  # a pool has a process that tracks its resources
        pool = ProcessPoolExecutor(jobs, get_context("spawn"))

    def submit_all() -> Iterator[Future[Result]]:
        for number in numbers:
            with _terminal_signals_blocked():  # submitting may start a process
                future = pool.submit(work, number)
            yield future

    stream = submit_all()
    try:
        waiting = list(islice(stream, 2 * jobs))
        while waiting:
            yield waiting.pop(0).result()
            waiting += islice(stream, 1)
    except BrokenProcessPool:
        raise NumleanError(
            f"a process that compared {what} died, perhaps because memory ran out; run with"
            " --jobs 1 to find the case"
        ) from None
    finally:
        with _uninterrupted():
            pool.shutdown(cancel_futures=True)


@contextmanager
def _terminal_signals_blocked() -> Iterator[None]:
    """Start processes that leave Ctrl-C and the end of the terminal to this one.

    Processes inherit the signals that are blocked when they start. This process gets them later.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let signals wait while the pool ends, so that none of its processes is left."""
    if current_thread() is not main_thread():
        yield
        return
    received: list[int] = []
    numbers = (*_OF_TERMINAL, signal.SIGTERM)
    usual = {number: signal.getsignal(number) for number in numbers}
    handled = {number: each for number, each in usual.items() if each not in _NOT_OURS}
    for number in handled:
        signal.signal(number, lambda number, _: received.append(number))
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
        for each in received:
            signal.raise_signal(each)


def available_jobs() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0))
