"""What a sweep tells about its progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from numlean.distributed.sweep.point import Point
    from numlean.distributed.sweep.running import PointResult


class PointProgress(NamedTuple):
    """The progress of a run.

    Attributes:
        digest: The digest of its point.
        title: The point in a few words.
        step: The number of steps made.
        steps: The number of all steps.
    """

    digest: str
    title: str
    step: int
    steps: int


class SweepObserver:
    """Is told about the progress of a sweep; this one does nothing.

    ``progress`` is called in another thread if the runs are made on workers.
    """

    def start(self, points: int, missing: int, repeated: int) -> None:
        """Note the numbers of points, of those without a run, and of those left out as repeated."""

    def connected(self, dashboard: str, workers: Sequence[str]) -> None:
        """Note the address of Dask's dashboard, and the workers."""

    def progress(self, message: PointProgress) -> None:
        """Note the progress of a run."""

    def ended(self, point: Point, result: PointResult) -> None:
        """Note that a run has ended, and that its results are written."""

    def warn(self, text: str) -> None:
        """Note that a worker is refused."""

    def is_stopped(self) -> bool:
        """Return whether to make no further runs."""
        return False
