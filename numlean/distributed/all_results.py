"""Pieces of work of which all results are needed, though workers die or are slow."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Generic, final

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
        work: Callable[[Item], Result],
        items: Sequence[Item],
        warn: Callable[[str], None],
    ) -> None:
        self._cluster, self._client, self._work = cluster, client, work
        self._items, self._warn = items, warn
        self._results: dict[int, Result] = {}
        self._running: dict[Future, int] = {}
        self._began = time.monotonic()
        self._last = self._began
        self._has_warned = False

    def results(self) -> list[Result]:
        """Compute all pieces."""
        for k in range(len(self._items)):
            self._submit(k)
        while len(self._results) < len(self._items):
            self._take_ended()
            self._help_the_slow()
        for future in self._running:
            future.cancel()
        return [self._results[k] for k in range(len(self._items))]

    def _submit(self, k: int, workers: Sequence[str] | None = None) -> None:
        where = {"workers": workers, "allow_other_workers": True} if workers else {}
        with warnings.catch_warnings():
            # Each shard needs all parameters, so what is submitted is as large as they are.
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            future = self._client.submit(self._work, self._items[k], pure=False, **where)
        self._running[future] = k

    def _take_ended(self) -> None:
        from distributed import wait  # imports dask

        try:
            wait([*self._running], timeout=_PATIENCE, return_when="FIRST_COMPLETED")
        except TimeoutError:
            self._warn_if_alone()
        for future in [each for each in self._running if each.done()]:
            k = self._running.pop(future)
            if k in self._results:
                continue
            if future.status == "finished":
                self._results[k], self._last = future.result(), time.monotonic()
            else:
                self._again(k, future)

    def _again(self, k: int, future: Future) -> None:
        """Submit a piece again whose worker died or was refused; raise its error otherwise."""
        from distributed import KilledWorker

        error = None if future.cancelled() else future.exception()
        if isinstance(error, WorkerVersionError):
            self._cluster.refuse(error, self._warn)
        elif error is not None and not isinstance(error, KilledWorker):
            raise error
        self._submit(k)

    def _help_the_slow(self) -> None:
        """Give pieces that take long to idle workers as well."""
        waited, needed = time.monotonic() - self._last, self._last - self._began
        if not self._results or waited < max(_PATIENCE, _SLOW * needed):
            return
        tasks = self._client.processing()
        idle = [address for address, keys in tasks.items() if not keys]
        copies = Counter(self._running.values())
        slow = [k for k, count in copies.items() if count == 1 and k not in self._results]
        for k, address in zip(slow, idle, strict=False):
            self._submit(k, [address])

    def _warn_if_alone(self) -> None:
        if not self._has_warned and not self._cluster.workers:
            self._has_warned = True
            self._warn("the scheduler has no workers now; the run continues when one joins")
