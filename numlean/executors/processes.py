"""Processes on this machine, which compute pieces of work with results in order.

Unless a number of threads was given, the processes share the processors: each has as many threads
as there are processors for a process.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing import get_context
from typing import Final, final

from numlean.errors import NumleanError
from numlean.executors.executor import HERE, Executor, Item, Result
from numlean.executors.threads import set_num_threads
from numlean.process.handlers import TERMINAL_SIGNALS, signals_blocked, signals_waiting
from numlean_kernels.threads import THREADS

MOST_JOBS: Final = 1024
"""The most processes. Each takes about 100 MB of memory."""


def processes(jobs: int) -> Executor:
    """Return an executor of a number of processes; 1 stands for this one."""
    return HERE if jobs <= 1 else Processes(jobs)


@final
@dataclass(frozen=True)
class Processes:
    """Computes in processes that are started for each series of pieces.

    Attributes:
        jobs: The number of processes.
    """

    jobs: int

    def in_order(
        self, work: Callable[[Item], Result], items: Iterable[Item], what: str
    ) -> Iterator[Result]:
        """Yield ``work(item)`` for each item, in their order.

        Raises:
            NumleanError: A process died.
        """
        numbers = iter(items)
        first = [*islice(numbers, 2)]
        if len(first) < 2:  # starting processes would take longer
            yield from map(work, first)
            return
        with signals_blocked(TERMINAL_SIGNALS):  # a pool has a process that tracks its resources
            threads = THREADS.of_each(self.jobs)
            pool = ProcessPoolExecutor(
                self.jobs, get_context("spawn"), initializer=set_num_threads, initargs=(threads,)
            )

        def submit_all() -> Iterator[Future[Result]]:
            for item in chain(first, numbers):
                with signals_blocked(TERMINAL_SIGNALS):  # submitting may start a process
                    future = pool.submit(work, item)
                yield future

        stream = submit_all()
        try:
            waiting = list(islice(stream, 2 * self.jobs))
            while waiting:
                yield waiting.pop(0).result()
                waiting += islice(stream, 1)
        except BrokenProcessPool:
            raise NumleanError(
                f"a process that computed {what} died, perhaps because memory ran out; run with"
                " --jobs 1 to find the case"
            ) from None
        finally:
            with signals_waiting((*TERMINAL_SIGNALS, signal.SIGTERM)):  # else one could be left
                pool.shutdown(cancel_futures=True)
