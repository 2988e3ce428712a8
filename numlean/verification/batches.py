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
from typing import TypeVar

from numlean.errors import NumleanError

Result = TypeVar("Result")


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
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _leave_interrupts_to_the_parent)

    def submit_all() -> Iterator[Future[Result]]:
        for number in numbers:
            yield pool.submit(work, number)

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
def _uninterrupted() -> Iterator[None]:
    """Ignore interrupts while the pool ends, so that none of its processes is left."""
    if current_thread() is not main_thread():
        yield
        return
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def available_jobs() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0))
