"""Batches of a long comparison, shared among processes, with results in the batches' order."""

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
    """``work(number)`` for each number, in their order, by several processes.

    Args:
        work: What is done with a batch; other processes must be able to import it.
        numbers: The batches.
        jobs: How many processes; one is this one.
        what: Names the work in an error.

    Raises:
        NumleanError: A process died.
    """
    if jobs <= 1:
        yield from map(work, numbers)
        return
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _leave_interrupts_to_the_parent)

    def submitted() -> Iterator[Future[Result]]:
        for number in numbers:
            yield pool.submit(work, number)

    stream = submitted()
    try:
        waiting = list(islice(stream, 2 * jobs))
        while waiting:
            yield waiting.pop(0).result()
            waiting += islice(stream, 1)
    except BrokenProcessPool:
        raise NumleanError(
            f"a process that compared {what} died, perhaps of too little memory; --jobs 1 shows"
            " where"
        ) from None
    finally:
        with _uninterrupted():
            pool.shutdown(cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore interrupts for a while: one more during the pool's end would leave its processes."""
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
    """As many processes as there are processors for this one."""
    return len(os.sched_getaffinity(0))
