"""Writes the results of a sweep while others are computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from numlean.distributed.sweep.folder import SweepFolder
from numlean.distributed.sweep.observer import SweepObserver
from numlean.distributed.sweep.point import Point
from numlean.distributed.sweep.running import PointResult

_THREADS: Final = 8
"""Threads that write; they mostly wait for the disk."""

_MOST_WAITING: Final = 64
"""Results that may wait to be written."""

Write = Callable[[Sequence[Point], Sequence[PointResult]], None]
"""Takes points and their results."""


@contextmanager
def results_writer(folder: SweepFolder, observer: SweepObserver) -> Iterator[Write]:
    """Yield a function that writes results in other threads.

    The observer is told about each once it is written, in this thread, and about all of them before
    the context ends without an error.

    Raises:
        NumleanError: A file cannot be written; from the function or at the end.
    """
    waiting: deque[tuple[Future[None], Point, PointResult]] = deque()

    def end(at_most: int) -> None:
        while len(waiting) > at_most or (waiting and waiting[0][0].done()):
            future, point, result = waiting.popleft()
            future.result()
            observer.ended(point, result)

    with ThreadPoolExecutor(_THREADS) as threads:

        def write(points: Sequence[Point], results: Sequence[PointResult]) -> None:
            for point, result in zip(points, results, strict=True):
                waiting.append((threads.submit(folder.write, result), point, result))
            end(_MOST_WAITING)

        yield write
        end(0)
