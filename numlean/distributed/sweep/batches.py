"""Batches of a sweep's points: what a worker is given at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from numlean.distributed.sweep.point import Point
from numlean.distributed.sweep.running import PointResult

Batch: TypeAlias = tuple[Point, ...]

_SECONDS: Final = 0.5
"""The duration of a batch of short runs: long beside what a piece of work costs Dask."""

_ROUNDS: Final = 4
"""Batches that each thread should still get, so that all of them end at about the same time."""


@final
@dataclass(frozen=True)
class BatchResult:
    """What the runs of a batch leave.

    Attributes:
        results: The result of each point.
        seconds: The time that a worker took for all.
    """

    results: tuple[PointResult, ...]
    seconds: float


@final
class Batches:
    """Yields the points of a sweep in batches: single ones until runs turn out to be short."""

    def __init__(
        self, points: Sequence[Point], threads: int, is_stopped: Callable[[], bool]
    ) -> None:
        """Create batches.

        Args:
            points: The points.
            threads: The threads of all workers; 0 makes each point a batch.
            is_stopped: Returns whether to end early.
        """
        self._points, self._threads, self._is_stopped = points, threads, is_stopped
        self._most = 1

    def note(self, found: BatchResult) -> None:
        """Let the next batches follow the time that one took."""
        self._most = max(1, int(_SECONDS * len(found.results) / max(found.seconds, 1e-9)))

    def __iter__(self) -> Iterator[Batch]:
        first = 0
        while first < len(self._points) and not self._is_stopped():
            fair = (len(self._points) - first) // (_ROUNDS * self._threads) if self._threads else 1
            following = first + max(1, min(self._most, fair))
            yield tuple(self._points[first:following])
            first = following
