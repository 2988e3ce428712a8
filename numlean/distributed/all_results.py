"""Pieces of work of which all results are needed, though workers die or are slow."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, final

from numlean.distributed.shared_value import SharedValue
from numlean.distributed.versions import WorkerVersionError
from numlean.executors.executor import Item, Result

if TYPE_CHECKING:
    from distributed import Client, Future

    from numlean.distributed.cluster import Cluster

_PATIENCE: Final = 1.0
"""Seconds to wait before workers are looked at again."""

_SLOW: Final = 3.0
"""A piece is slow that takes so many times as long as the last one that ended."""


@final
class AllResults(Generic[Item, Result]):
    """Pieces of work, each of which may be computed several times."""

    def __init__(
        self,
        cluster: Cluster,
        client: Client,
        work: Callable[..., Result],
        items: Sequence[Item],
        shared: Sequence[SharedValue],
        warn: Callable[[str], None],
    ) -> None:
        self._cluster, self._client, self._work = cluster, client, work
        self._items, self._shared, self._warn = items, shared, warn
        self._results: dict[int, Result] = {}
        self._running: dict[Future, _Attempt] = {}
        self._began = time.monotonic()
        self._last = self._helped = self._began
        self._has_warned = False

    def results(self) -> list[Result]:
        """Compute all pieces."""
        there = self._cluster.usable_workers
        for each in self._shared:
            each.forget_others(there)
        workers = cycle(there or [None])
        for k in range(len(self._items)):
            self._submit(k, next(workers))
        while len(self._results) < len(self._items):
            self._take_ended()
            self._help_the_slow()
        for future in self._running:
            future.cancel()
        return [self._results[k] for k in range(len(self._items))]

    def _submit(self, k: int, worker: str | None, **options: Any) -> None:
        """Submit a piece to run where the worker's copies of the shared values are."""
        copies = (each.at(worker) for each in self._shared)
        future = self._client.submit(self._work, self._items[k], *copies, pure=False, **options)
        self._running[future] = _Attempt(k, worker)

    def _take_ended(self) -> None:
        from distributed import wait  # imports dask

        try:
            wait([*self._running], timeout=_PATIENCE, return_when="FIRST_COMPLETED")
        except TimeoutError:
            self._look_after_the_lost()
        ended = [each for each in self._running if each.done()]
        wanted = {self._running.pop(each).piece: each for each in ended}
        wanted = {k: each for k, each in wanted.items() if k not in self._results}
        found = self._gathered({k: f for k, f in wanted.items() if f.status == "finished"})
        for k, future in wanted.items():
            if k in found:
                self._results[k], self._last = found[k], time.monotonic()
            else:
                self._again(k, future)

    def _gathered(self, finished: Mapping[int, Future]) -> dict[int, Result]:
        """Return results, without those that were lost with their workers since."""
        found = self._client.gather([*finished.values()], errors="skip")
        if len(found) == len(finished):
            return dict(zip(finished, found, strict=True))
        return {
            k: value
            for k, future in finished.items()
            for value in self._client.gather([future], errors="skip")
        }

    def _again(self, k: int, future: Future) -> None:
        """Submit a piece again whose worker died or was refused; raise its error otherwise."""
        from distributed import KilledWorker

        error = future.exception() if future.status == "error" else None
        if isinstance(error, WorkerVersionError):
            self._cluster.refuse(error, self._warn)
        elif error is not None and not isinstance(error, KilledWorker):
            raise error
        workers = self._cluster.usable_workers
        self._submit(k, workers[k % len(workers)] if workers else None)

    def _help_the_slow(self) -> None:
        """Give pieces that take long to idle workers as well, again and again."""
        now, needed = time.monotonic(), self._last - self._began
        waited = now - max(self._last, self._helped)
        if not self._results or waited < max(_PATIENCE, _SLOW * needed):
            return
        self._helped = now
        idle = [address for address, keys in self._client.processing().items() if not keys]
        pieces = (each.piece for each in self._running.values())
        copies = Counter(k for k in pieces if k not in self._results)
        slow = sorted(copies, key=lambda k: copies[k])
        for k, address in zip(slow, idle, strict=False):
            self._submit(k, address, workers=[address], allow_other_workers=True)

    def _look_after_the_lost(self) -> None:
        """Submit pieces again whose worker is gone, since Dask may wait for that worker."""
        workers = self._cluster.usable_workers
        if not workers:
            if not self._has_warned:
                self._has_warned = True
                self._warn("the scheduler has no workers now; the run continues when one joins")
            return
        for future, (k, worker) in [*self._running.items()]:
            if worker is not None and worker not in workers:
                self._running[future] = _Attempt(k, None)
                if k not in self._results:
                    self._submit(k, workers[k % len(workers)])


class _Attempt(NamedTuple):
    """A piece that was submitted.

    Attributes:
        piece: Its number.
        worker: The worker that it was meant for, unless that is gone; None stands for any.
    """

    piece: int
    worker: str | None
