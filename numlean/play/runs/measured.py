"""The measured operations of a comparison, read from its records while these grow."""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, TypeAlias

from numlean.play.runs.folder import RECORDS, Run, RunFolders
from numlean.play.runs.growing import GrowingLines, Share
from numlean.play.runs.losses import number_of

ERRORS: Final = ("total", "local", "inherited")
FIGURES: Final = ("relative", "max_ulp", "rms_ulp")

Key: TypeAlias = tuple[str, str, str]
"""A phase, a layer and an operation."""

_LONGEST: Final = 8 << 20
_SHARE: Final = Share(seconds=0.4, piece=1 << 20, longest=_LONGEST)
_KEPT: Final = 8
"""The most comparisons whose figures are kept in memory."""

_WRITTEN: Final = ("local", "total", "inherited")
_OPERATION: Final = re.compile(
    rb'\{"record": "operation", "dtype": "([^"\\]*)", "seed": (\d{1,12}), "step": (\d{1,12}),'
    rb' "phase": "([^"\\]*)", "layer": "([^"\\]*)", "operation": "([^"\\]*)",'
    rb' "ulp_of": "[^"\\]*", "local_ulp_of": "[^"\\]*", "calls": (\d{1,12}),[^{}]* '
    + b", ".join(
        rb'"%s": \{"count": (\d+), "exact": \d+, "infinite": (\d+), "unknown": (\d+),'
        rb' "relative": ([-+.\de]+|null), "max_ulp": ([-+.\de]+|null),'
        rb' "rms_ulp": ([-+.\de]+|null), "histogram": \{[^{}]*\}\}' % error.encode()
        for error in _WRITTEN
    )
    + rb"\}"
)
"""The record of an operation as comparisons write it, which is read several times as fast."""

_CALLS: Final = 7
_STATS: Final = 6
_FIRST: Final = tuple(_CALLS + _STATS * _WRITTEN.index(error) for error in ERRORS)
"""The first groups of each error, counted from 0."""

_NOTHING: Final = (b"0", b"0", b"0")
_UNKNOWN: Final = (math.nan,) * len(FIGURES)


@dataclass(frozen=True, slots=True)
class Cell:
    """An operation in a step.

    Attributes:
        step: The step.
        seed: The seed.
        calls: The number of calls.
        figures: For each of ``ERRORS``, each of ``FIGURES``; NaN for none.
        place: Where its record begins in the file, and how long it is.
    """

    step: int
    seed: int
    calls: int
    figures: tuple[float, ...]
    place: tuple[int, int]

    def figure(self, error: str, figure: str) -> float:
        """Return a figure."""
        return self.figures[ERRORS.index(error) * len(FIGURES) + FIGURES.index(figure)]


@dataclass
class Measured:
    """What a comparison has measured so far.

    Attributes:
        header: Its first record; empty before it was written.
        operations: By dtype and operation, in program order, the figures of each step and seed.
        operands: By dtype and operand, the places of the records of its scales.
    """

    header: dict[str, Any] = field(default_factory=dict)
    operations: dict[str, dict[Key, list[Cell]]] = field(default_factory=dict)
    operands: dict[str, dict[Key, list[Cell]]] = field(default_factory=dict)

    @property
    def dtypes(self) -> list[str]:
        """The dtypes with measured operations."""
        return [*self.operations]

    @property
    def count(self) -> int:
        """The number of measured operations, one for each step and seed."""
        return sum(len(cells) for rows in self.operations.values() for cells in rows.values())

    def precision(self, dtype: str) -> int | None:
        """Return the precision of the format whose ulps errors are in; None if unknown."""
        measures = self.header.get("measures")
        measure = measures.get(dtype) if isinstance(measures, dict) else None
        if not isinstance(measure, dict):
            return None
        grid = measure.get("layers_grid", measure.get("grid"))
        precision = grid.get("precision") if isinstance(grid, dict) else None
        is_known = isinstance(precision, int) and 0 < precision < 10_000
        return precision if is_known else None


@dataclass
class _Read:
    lines: GrowingLines = field(default_factory=GrowingLines)
    measured: Measured = field(default_factory=Measured)


class MeasuredReader:
    """Reads the records of comparisons, each part once."""

    def __init__(self, folders: RunFolders) -> None:
        self._folders = folders
        self._lock = Lock()
        self._found: dict[str, _Read] = {}

    def measured(self, run: Run) -> Measured:
        """Return what was read of a comparison, a bit more each time.

        The share of the file that was read is ``share``.
        """
        with self._lock:
            found = self._found.setdefault(run.id, _Read())
            while len(self._found) > _KEPT:
                self._found.pop(next(iter(self._found)))  # the oldest, which is read again
            if self._folders.stamp(run.id, RECORDS)[0] < found.lines.offset:
                found = self._found[run.id] = _Read()
            for start, line in found.lines.read_on(self._folders, run.id, RECORDS, _SHARE):
                _add(found.measured, line, start)
            return found.measured

    def share(self, run: Run) -> float:
        """Return the share of the records that was read."""
        with self._lock:
            found = self._found.get(run.id, _Read())
            size, _ = self._folders.stamp(run.id, RECORDS)
            return min(found.lines.offset / size, 1.0) if size else 1.0

    def record(self, run: Run, cell: Cell) -> dict[str, Any]:
        """Return the whole record of an operation in a step; empty if it is gone."""
        start, length = cell.place
        text = self._folders.read(run.id, RECORDS, start, min(length, _LONGEST)) or b""
        return _parsed(text) or {}


def _add(measured: Measured, line: bytes, start: int) -> None:
    written = _OPERATION.fullmatch(line)
    if written is not None:
        dtype, phase, layer, name = map(_text, written.group(1, 4, 5, 6))
        by_key = measured.operations.setdefault(dtype, {})
        by_key.setdefault((phase, layer, name), []).append(_cell_of(written, start))
        return
    record = _parsed(line)
    if record is None:
        return
    kind, dtype = record.get("record"), str(record.get("dtype"))
    if kind == "comparison":
        measured.header = record
    elif kind == "operation":
        key = (str(record.get("phase")), str(record.get("layer")), str(record.get("operation")))
        found = measured.operations
    elif kind == "quantisation":
        layer, product, operand = (
            str(record.get(name)) for name in ("layer", "product", "operand")
        )
        key, found = (layer, product, operand), measured.operands
    if kind in ("operation", "quantisation"):
        cell = _cell(record, start, len(line))
        if cell is not None:
            found.setdefault(dtype, {}).setdefault(key, []).append(cell)


def _cell_of(written: re.Match[bytes], start: int) -> Cell:
    groups = written.groups()
    figures = list[float]()
    for first in _FIRST:
        if groups[first : first + 3] == _NOTHING:
            figures += _UNKNOWN
        else:
            figures += [_figure(text) for text in groups[first + 3 : first + 6]]
    step, seed, calls = int(groups[2]), int(groups[1]), int(groups[_CALLS - 1])
    return Cell(step, seed, calls, tuple(figures), (start, written.end()))


def _figure(text: bytes) -> float:
    try:
        return math.inf if text == b"null" else float(text)
    except ValueError:
        return math.nan


def _text(text: bytes) -> str:
    return sys.intern(text.decode("utf-8", "replace"))


def _cell(record: dict[str, Any], start: int, length: int) -> Cell | None:
    step, seed, calls = record.get("step"), record.get("seed"), record.get("calls", 0)
    if not (isinstance(step, int) and isinstance(seed, int) and isinstance(calls, int)):
        return None
    figures = list[float]()
    for error in ERRORS:
        stats = record.get(error)
        if not isinstance(stats, dict) or not _is_measured(stats):
            figures += [math.nan] * len(FIGURES)
        else:
            figures += [_of(stats.get(figure)) for figure in FIGURES]
    return Cell(step, seed, calls, tuple(figures), (start, length))


def _is_measured(stats: dict[str, Any]) -> bool:
    return any(stats.get(name) for name in ("count", "infinite", "unknown"))


def _of(value: Any) -> float:
    """Return a figure; records write null for one that is not finite."""
    return math.inf if value is None else number_of(value)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
