"""The losses of runs, read from their logs while these grow."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from numlean.play.runs.folder import LOG, RECORDS, Run, RunFolders
from numlean.play.runs.growing import GrowingLines, Share
from numlean.play.runs.plan import COMPARE, CROSSCHECK

MOST_POINTS: Final = 1000
"""The points of a curve from which on every second one is left out."""

_SHARE: Final = Share(seconds=0.1, piece=8 << 20, longest=8 << 20)

_STEP: Final = b'{"record": "step"'


@dataclass
class Losses:
    """The losses of a run by step, for each arithmetic.

    Attributes:
        by_name: Points of each arithmetic.
        last: The last step of each, and its loss.
        is_complete: Whether all of the log was read.
    """

    by_name: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    last: dict[str, tuple[int, float]] = field(default_factory=dict)
    is_complete: bool = True
    _every: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, step: int, loss: float) -> None:
        """Add a point; of a long curve, every second, fourth, ... step is kept."""
        self.last[name] = step, loss
        if step % self._every.setdefault(name, 1):
            return
        points = self.by_name.setdefault(name, [])
        points.append((step, loss))
        if len(points) > MOST_POINTS:
            self._every[name] *= 2
            self.by_name[name] = [each for each in points if not each[0] % self._every[name]]

    def points(self, name: str) -> list[tuple[int, float]]:
        """Return the points of a curve, the last one included."""
        found = self.by_name.get(name, [])
        last = self.last.get(name)
        return found if last is None or (found and found[-1] == last) else [*found, last]


@dataclass
class _Read:
    """How far a log was read, and its losses."""

    lines: GrowingLines = field(default_factory=GrowingLines)
    losses: Losses = field(default_factory=Losses)


class LossReader:
    """Reads the losses of runs, each part of a log once."""

    def __init__(self, folders: RunFolders) -> None:
        self._folders = folders
        self._lock = Lock()
        self._found: dict[str, _Read] = {}

    def losses(self, run: Run) -> Losses:
        """Return the losses of a run so far; of a long log, a bit more each time."""
        if run.kind == CROSSCHECK:
            return _of_crosscheck(self._folders.results(run.id))
        name = RECORDS if run.kind == COMPARE else LOG
        with self._lock:
            found = self._found.setdefault(run.id, _Read())
            if self._folders.stamp(run.id, name)[0] < found.lines.offset:
                found = self._found[run.id] = _Read()
            for _, line in found.lines.read_on(self._folders, run.id, name, _SHARE):
                _add(found.losses, line, is_comparison=run.kind == COMPARE)
            found.losses.is_complete = found.lines.is_complete
            return found.losses


def _add(losses: Losses, line: bytes, *, is_comparison: bool) -> None:
    if is_comparison and not line.startswith(_STEP):
        return
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return
    if not isinstance(record, dict):
        return
    step, loss = record.get("step"), record.get("exact_loss")
    if not isinstance(step, int) or "exact_loss" not in record:
        return
    name = str(record.get("dtype", "")) if is_comparison else ""
    if is_comparison and record.get("seed") not in (0, None):
        name += f", seed {record['seed']}"
    losses.add(name, step, number_of(loss))


def _of_crosscheck(results: Any) -> Losses:
    """Return the losses after two runs have diverged, which the results contain."""
    losses = Losses()
    pairs = results.get("pairs") if isinstance(results, dict) else None
    for pair in pairs if isinstance(pairs, list) else []:
        growth = pair.get("growth") if isinstance(pair, dict) else None
        points = growth if isinstance(growth, list) else []
        for point in (each for each in points if isinstance(each, dict)):
            for key in "ab":
                name, step = pair.get(key), point.get("step")
                if isinstance(name, str) and isinstance(step, int):
                    losses.add(name, step, number_of(point.get(f"loss_{key}")))
    return losses


def number_of(value: Any) -> float:
    """Return a number of a file; NaN if it is none."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else math.nan
