"""Make the runs of a sweep on the workers of a cluster, and keep them in its folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final, final

from numlean.arguments import checked
from numlean.distributed.cluster import Cluster, connect
from numlean.distributed.on_worker import send
from numlean.distributed.sweep.batches import Batch, Batches, BatchResult
from numlean.distributed.sweep.execution import Execution
from numlean.distributed.sweep.folder import SweepFolder
from numlean.distributed.sweep.observer import PointProgress, SweepObserver
from numlean.distributed.sweep.point import Point
from numlean.distributed.sweep.result import SweepResult
from numlean.distributed.sweep.running import PointResult, failed_point, run_point
from numlean.distributed.sweep.spec import SweepSpec
from numlean.distributed.sweep.writing import results_writer
from numlean.errors import NumleanError
from numlean.executors.worker_choice import check_workers
from numlean_kernels.threads import available_processors

_SECONDS_BETWEEN: Final = 0.5
"""Between two messages about the progress of a run."""


@checked
def sweep(
    spec: SweepSpec | Mapping[str, Any] | str | PathLike[str],
    folder: str | PathLike[str],
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    retry_failed: bool = False,
    observer: SweepObserver | None = None,
) -> SweepResult:
    """Make the run of every point of a sweep that its folder does not have yet.

    Each run is made as ``numlean train`` makes it, so its bits do not depend on workers. Results
    are written as soon as a run ends. After a kill, the same call makes what is missing.

    Args:
        spec: A file in TOML, or its content; see :meth:`SweepSpec.from_plain`.
        folder: The folder of results, made if it does not exist; see ``SweepFolder``.
        scheduler: The address of a Dask scheduler; None starts workers on this machine.
        workers: The number of processes on this machine (default: its processors); 0 makes the
            runs in this process, without Dask.
        retry_failed: Whether to repeat runs that failed.
        observer: Told about the progress.

    Raises:
        NumleanError: The specification or the folder cannot be used, Dask or pyarrow is not
            installed, or a worker has other versions of numlean, numba or Python.
    """
    check_workers(scheduler, workers)
    given = _spec_of(spec)
    observer = observer or SweepObserver()
    target = SweepFolder.create(Path(folder))
    with target.locked():
        _make_missing(given, target, scheduler, workers, observer, retry_failed=retry_failed)
        return _result(target, given)


def _make_missing(
    given: SweepSpec,
    target: SweepFolder,
    scheduler: str | None,
    workers: int | None,
    observer: SweepObserver,
    *,
    retry_failed: bool,
) -> None:
    ended = target.ended(with_failed=not retry_failed)
    missing = [point for point in given.points if point.digest not in ended]
    observer.start(len(given.points), len(missing), given.repeated)
    if missing and workers == 0:
        _run_here(missing, given.execution, target, observer)
    elif missing:
        count = available_processors() if workers is None else workers
        with connect(scheduler, min(count, len(missing))) as cluster:
            observer.connected(cluster.dashboard, cluster.workers)
            _run_on(cluster, missing, given.execution, target, observer)


def _run_here(
    points: list[Point], execution: Execution, folder: SweepFolder, observer: SweepObserver
) -> None:
    for point in points:
        if observer.is_stopped():
            return

        def advance(step: int, steps: int, point: Point = point) -> None:
            observer.progress(PointProgress(point.digest, str(point), step, steps))

        result = run_point(point, execution, advance)
        folder.write(result)
        observer.ended(point, result)


def _run_on(
    cluster: Cluster,
    points: list[Point],
    execution: Execution,
    folder: SweepFolder,
    observer: SweepObserver,
) -> None:
    batches = Batches(points, cluster.threads, observer.is_stopped)
    doubtful = list[Point]()
    with cluster.listening(observer.progress), results_writer(folder, observer) as write:

        def make(given: Batches) -> None:
            for done in cluster.completed(_Work(execution), given, observer.warn):
                if done.result is not None:
                    batches.note(done.result)
                    write(done.item, done.result.results)
                elif len(done.item) == 1:
                    write(done.item, [failed_point(done.item[0], _cause(done.error))])
                else:  # one of the runs may be to blame
                    doubtful.extend(done.item)

        make(batches)
        make(Batches(doubtful, 0, observer.is_stopped))


def _cause(error: BaseException | None) -> BaseException:
    """Return the error of a run that gave no result: its worker died, or its code failed."""
    assert error is not None
    if type(error).__name__ == "KilledWorker":
        return NumleanError(
            "the workers that made this run died, perhaps because memory ran out; make it alone"
            " with `numlean train`"
        )
    return error


@final
@dataclass(frozen=True)
class _Work:
    """Makes runs on a worker, and sends messages about their progress."""

    execution: Execution

    def __call__(self, batch: Batch) -> BatchResult:
        began = time.perf_counter()
        results = tuple(map(self._result, batch))
        return BatchResult(results, time.perf_counter() - began)

    def _result(self, point: Point) -> PointResult:
        last = time.monotonic()

        def advance(step: int, steps: int) -> None:
            nonlocal last
            if time.monotonic() - last > _SECONDS_BETWEEN:
                last = time.monotonic()
                send(PointProgress(point.digest, str(point), step, steps))

        return run_point(point, self.execution, advance)


def _spec_of(spec: SweepSpec | Mapping[str, Any] | str | PathLike[str]) -> SweepSpec:
    if isinstance(spec, SweepSpec):
        return spec
    return SweepSpec.from_plain(spec) if isinstance(spec, Mapping) else SweepSpec.load(fspath(spec))


def _result(folder: SweepFolder, spec: SweepSpec) -> SweepResult:
    """Return the results of the points of a specification; the folder may have others."""
    digests = {point.digest for point in spec.points}
    runs = [row for row in folder.runs() if row["digest"] in digests]
    steps = [row for row in folder.steps() if row["digest"] in digests]
    return SweepResult(runs, steps, len(digests) - len(runs))
