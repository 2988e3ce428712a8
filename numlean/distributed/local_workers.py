"""Worker processes on this machine, whose number is kept though some die.

Dask starts the process of a worker again that dies, but gives a worker up that dies while it
starts. Without new ones, a cluster would be left without workers, and wait for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from distributed import LocalCluster

_SECONDS_BETWEEN_LOOKS: Final = 1.0


@contextmanager
def kept_workers(cluster: LocalCluster, count: int) -> Iterator[None]:
    """Add workers to a cluster while the context lasts, as soon as fewer than ``count`` are left.

    A worker that Dask is starting again counts as there.
    """
    from distributed.core import Status

    ended = Event()

    def watch() -> None:
        while not ended.wait(_SECONDS_BETWEEN_LOOKS):
            workers = [*cluster.workers.values()]
            lost = sum(each.status in (Status.failed, Status.closed) for each in workers)
            if len(workers) - lost < count:
                cluster.scale(count + lost)

    watcher = Thread(target=watch, daemon=True, name="keep the number of workers")
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
