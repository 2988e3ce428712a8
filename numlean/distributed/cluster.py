"""Workers of a Dask cluster, local or the user's own, which compute pieces of work.

``distributed``, which the extra ``numlean[dask]`` installs, is imported where it is used.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing.resource_tracker import ensure_running
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Generic, final

from numlean.display_text import one_line
from numlean.distributed.all_results import AllResults
from numlean.distributed.cluster_executor import ClusterExecutor
from numlean.distributed.local_workers import kept_workers
from numlean.distributed.on_worker import TOPIC, loads
from numlean.distributed.shared_value import SharedValue
from numlean.distributed.versions import (
    Versions,
    WorkerVersionError,
    check_versions,
    versions_here,
)
from numlean.errors import UnavailableError
from numlean.executors.executor import Executor, Item, Result
from numlean.process.handlers import TERMINAL_SIGNALS, signals_blocked
from numlean_kernels.threads import THREADS, VARIABLE

if TYPE_CHECKING:
    from distributed import Client, Future

_LOCAL_SETTINGS: Final = {
    "distributed.admin.tick.interval": "500ms",
    "distributed.worker.memory.monitor-interval": "500ms",
    "distributed.worker.profile.enabled": False,
}
"""Settings of Dask for processes on this machine, on which each look at itself costs time."""

OnMessage = Callable[[Any], None]
"""Called with what a worker has sent, in another thread."""

_WAITING: Final = 2
"""Pieces of work that are submitted for each thread of the cluster."""

_SECONDS_BETWEEN_COUNTS: Final = 1.0
"""Between two looks at the number of threads, to which workers that join may add."""

_SECONDS_TO_CONNECT: Final = 10
_PATIENCE: Final = 3
"""Times as long to wait for Dask itself to give up."""


@final
@dataclass(frozen=True)
class Done(Generic[Item, Result]):
    """A piece of work that has ended.

    Attributes:
        item: What it was called with.
        result: Its result; None if it failed.
        error: Its error; None if it did not fail.
    """

    item: Item
    result: Result | None
    error: BaseException | None


@final
class Cluster:
    """The workers of a Dask cluster.

    Attributes:
        dashboard: The address of Dask's dashboard.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._versions = versions_here()
        self._refused: set[str] = set()
        self.dashboard: str = client.dashboard_link

    @property
    def workers(self) -> list[str]:
        """The addresses of the workers that are there now."""
        return sorted(self._client.scheduler_info(n_workers=-1)["workers"])

    @property
    def usable_workers(self) -> list[str]:
        """The addresses of the workers that are there now and have not been refused."""
        return sorted(self._client.nthreads().keys() - self._refused)

    def check_workers(self, seconds: float | None) -> None:
        """Check that there is a worker, and that all have the versions of this process.

        Args:
            seconds: How long to wait for a worker; None waits for ever.

        Raises:
            UnavailableError: There is none in time.
            WorkerVersionError: A worker has another version.
        """
        try:
            self._client.wait_for_workers(1, timeout=seconds)
        except TimeoutError:
            raise UnavailableError(
                f"the scheduler {self._client.scheduler.address} has no worker after"
                f" {seconds} s; start one with `dask worker"
                f" {self._client.scheduler.address}`"
            ) from None
        found = self._client.get_versions(packages=[*self._versions])["workers"]
        for address, theirs in found.items():
            check_versions(address, _plain_versions(theirs), self._versions)

    @property
    def threads(self) -> int:
        """The number of pieces of work that all workers together compute at once."""
        return sum(self._client.nthreads().values())

    @contextmanager
    def listening(self, on_message: OnMessage) -> Iterator[None]:
        """Call a function, in another thread, with each message that work sends."""

        def take(event: tuple[float, Any]) -> None:
            on_message(event[1]["message"])

        self._client.subscribe_topic(TOPIC, take)
        try:
            yield
        finally:
            self._client.unsubscribe_topic(TOPIC)

    def completed(
        self,
        work: Callable[[Item], Result],
        items: Iterable[Item],
        on_refused: Callable[[str], None],
    ) -> Iterator[Done[Item, Result]]:
        """Yield pieces of work as they end, in any order.

        A worker that dies leaves its work to others. One that joins later with other versions is
        refused, and others do its work.

        Args:
            work: Function that workers can import.
            items: What it is called with, each once.
            on_refused: Called with the reason why a worker is refused.
        """
        from distributed import as_completed  # imports dask

        checked = _CheckedWork(work, self._versions)
        stream = iter(items)
        futures: dict[str, Item] = {}

        def submit(item: Item) -> Future:
            future = self._client.submit(checked, item, pure=False)
            futures[future.key] = item
            return future

        most, counted = self._most_waiting(), time.monotonic()
        running = as_completed([submit(item) for item in islice(stream, most)])
        for future in running:
            item = futures.pop(future.key)
            error = future.exception()
            if isinstance(error, WorkerVersionError):
                self.refuse(error, on_refused)
                running.add(submit(item))
                continue
            result = None if error is not None else future.result()
            future.release()
            if time.monotonic() - counted > _SECONDS_BETWEEN_COUNTS:
                most, counted = self._most_waiting(), time.monotonic()
            for following in islice(stream, max(most - len(futures), 0)):
                running.add(submit(following))
            yield Done(item, result, error)

    def shared(self, value: object) -> SharedValue:
        """Return a value that each worker gets once, for the pieces of work that need it."""
        return SharedValue(self._client, _CheckedWork(loads, self._versions), value)

    def computed(
        self,
        work: Callable[..., Result],
        items: Sequence[Item],
        shared: Sequence[SharedValue],
        warn: Callable[[str], None],
    ) -> list[Result]:
        """Return the results of all pieces of work, in the order of the items.

        A piece whose worker dies is computed by another one. One that takes much longer than the
        others is also given to an idle worker, and the first result counts; so results must not
        depend on the worker.

        Args:
            work: Function that workers can import.
            items: What it is called with, each once.
            shared: What else it is called with, each time.
            warn: Called with a line if a worker is refused, or if there is none for some seconds.

        Raises:
            Exception: What a piece of work raised.
        """
        checked = _CheckedWork(work, self._versions)
        return AllResults(self, self._client, checked, items, shared, warn).results()

    def executor(self, warn: Callable[[str], None]) -> Executor:
        """Return the executor of this cluster; ``warn`` is called if a worker is refused."""
        return ClusterExecutor(self, warn)

    def refuse(self, error: WorkerVersionError, on_refused: Callable[[str], None]) -> None:
        """Retire a worker that has other versions."""
        address = error.worker
        if address not in self._refused:
            self._refused.add(address)
            on_refused(str(error))
        self._client.retire_workers([address])

    def _most_waiting(self) -> int:
        return _WAITING * max(self.threads, 1)


@final
@dataclass(frozen=True)
class _CheckedWork(Generic[Result]):
    """Work that a worker does only with the versions of the process that asks for it."""

    work: Callable[..., Result]
    versions: Versions

    def __call__(self, *arguments: Any) -> Result:
        from distributed import get_worker

        check_versions(get_worker().address, versions_here(), self.versions)
        if not THREADS.is_given:  # Dask gives other libraries one thread on a worker, too
            THREADS.count = 1
        return self.work(*arguments)


@contextmanager
def connect(scheduler: str | None, workers: int) -> Iterator[Cluster]:
    """Yield the cluster of a scheduler, or one of new processes on this machine.

    Args:
        scheduler: The address of the user's scheduler, such as ``tcp://host:8786``; None starts a
            scheduler and workers, which end with the context.
        workers: The number of processes of a new cluster, with one thread each.

    Raises:
        UnavailableError: Dask is not installed, or the scheduler does not answer, has no workers,
            or ends before the context does.
        WorkerVersionError: A worker has other versions of numlean, numba or Python.
    """
    try:
        from distributed import Client, LocalCluster
        from distributed.comm import CommClosedError
    except ImportError:
        raise UnavailableError(
            "work on a cluster needs dask.distributed: pip install 'numlean[dask]'"
        ) from None
    if scheduler is not None:
        try:
            with _connected(Client, scheduler) as client:
                yield _checked(client, _SECONDS_TO_CONNECT)
        except (CancelledError, CommClosedError):  # nothing here cancels work it waits for
            raise UnavailableError(
                f"the scheduler {scheduler!r:.200} ended; what has been written is complete: start"
                " it again, and repeat the command"
            ) from None
        return
    import dask

    ensure_running()  # Python lets Ctrl-C through in the thread that starts its tracker
    with dask.config.set(_LOCAL_SETTINGS):
        # The workers inherit what is blocked: a terminal's Ctrl-C is for this process.
        try:
            with signals_blocked(TERMINAL_SIGNALS):
                local = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                    env={VARIABLE: str(THREADS.of_each(workers))},
                )
        except RuntimeError as error:
            raise UnavailableError(
                f"processes for work do not start on this machine: {one_line(str(error))[:300]}; a"
                " script that starts some does so under `if __name__ == '__main__':`"
            ) from None
        with local, kept_workers(local, workers), Client(local) as client:
            yield _checked(client, None)  # its workers have started


def _checked(client: Client, seconds: float | None) -> Cluster:
    cluster = Cluster(client)
    cluster.check_workers(seconds)
    return cluster


def _connected(make: type[Client], scheduler: str) -> Client:
    """Connect in another thread: Dask waits for ever for what is no scheduler but answers."""
    found: Queue[Client | Exception] = Queue()

    def connect() -> None:
        try:
            found.put(make(scheduler, timeout=_SECONDS_TO_CONNECT))
        except Exception as error:  # what Dask raises depends on the address
            found.put(error)

    Thread(target=connect, daemon=True, name="connect to the scheduler").start()
    try:
        client = found.get(timeout=_PATIENCE * _SECONDS_TO_CONNECT)
    except Empty:
        client = TimeoutError("what is there does not answer as a scheduler")
    if not isinstance(client, Exception):
        return client
    raise UnavailableError(
        f"cannot connect to the scheduler {scheduler!r:.200}: {one_line(str(client))[:300]}; start"
        " one with `dask scheduler`, and pass its address, such as tcp://127.0.0.1:8786"
    )


def _plain_versions(found: dict[str, Any]) -> dict[str, str]:
    """Return the versions that Dask reports of a worker, without those it does not know."""
    python = ".".join(str(found["host"]["python"]).split(".")[:3])
    packages = {name: each for name, each in found["packages"].items() if each is not None}
    return {**packages, "python": python}
