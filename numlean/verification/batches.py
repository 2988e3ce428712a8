"""The batches of a long comparison, distributed over processes, with results in order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import Final, TypeVar

from numlean.errors import NumleanError
from numlean.process.handlers import TERMINAL_SIGNALS, signals_blocked, signals_waiting

Result = TypeVar("Result")

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
    with signals_blocked(TERMINAL_SIGNALS):  # a pool has a process that tracks its resources
        pool = ProcessPoolExecutor(jobs, get_context("spawn"))

    def submit_all() -> Iterator[Future[Result]]:
        for number in numbers:
            with signals_blocked(TERMINAL_SIGNALS):  # submitting may start a process
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
        with signals_waiting((*TERMINAL_SIGNALS, signal.SIGTERM)):  # else a process could be left
            pool.shutdown(cancel_futures=True)
