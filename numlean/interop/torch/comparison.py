"""Which of PyTorch's operations give other bits than correctly rounded, ordered ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final

import numpy as np

from numlean.interop.torch.distances import differing, ulps
from numlean.interop.torch.scalar import OPERATIONS
from numlean.interop.torch.setting import Setting
from numlean.lockstep import Divergence, Side
from numlean.lockstep.comparison import first_place
from numlean.lockstep.divergence import Difference, described
from numlean.lockstep.lockstep import Data
from numlean.lockstep.replay import Moment, traced
from numlean.lockstep.states import KeepsGradients, RunState
from numlean.lockstep.tracing import Application
from numlean.runtime import Stepper, Task, TrainConfig
from numlean.shapes import axes_of
from numlean.tasks import NamedTask

_TITLES: Final = ("phase", "operation", "applied", "elements", "differ", "max ulp", "mean ulp")


@dataclass(frozen=True)
class Row:
    """What became of all operations of one kind in one phase.

    Attributes:
        phase: ``data``, ``forward``, ``backward`` or ``update``.
        kind: The operation, and how many terms its sums have: ``matmul 32x64x10``, ``sum of 10``.
        applications: How often it was applied.
        elements: How many numbers it gave.
        differing: How many of them PyTorch computes otherwise from the same operands.
        max_ulp: The most numbers of the format between the two results.
        mean_ulp: How many there are on average, over all elements.
        first: The first element that differs; None if there is none.
    """

    phase: str
    kind: str
    applications: int = 0
    elements: int = 0
    differing: int = 0
    max_ulp: float = 0.0
    mean_ulp: float = 0.0
    first: Divergence | None = None

    @property
    def share(self) -> float:
        """The share of the elements that differ."""
        return self.differing / self.elements if self.elements else 0.0


@dataclass(frozen=True)
class Comparison:
    """PyTorch's operations beside ours, each on the operands that ours had.

    Attributes:
        dtype: Our arithmetic.
        steps: How many steps of training the operations are of.
        rows: What became of each kind, in the order of their first application.
        first: The first element that differs, in program order; None if there is none.
    """

    dtype: str
    steps: int
    rows: tuple[Row, ...]
    first: Divergence | None

    @property
    def identical(self) -> bool:
        """Whether PyTorch gives the same bits throughout."""
        return self.first is None

    def __str__(self) -> str:
        table = [_TITLES, *map(_cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [f"{self.dtype} and PyTorch on the same operands, {self.steps} steps"]
        for cells in table:
            words = [f"{text:<{width}}" for text, width in zip(cells[:2], widths[:2], strict=True)]
            words += [f"{text:>{width}}" for text, width in zip(cells[2:], widths[2:], strict=True)]
            lines.append("  ".join(words))
        return "\n".join([*lines, "" if self.first is None else f"\n{self.first}"]).rstrip()


def compare(
    task: Task | NamedTask | str,
    *,
    steps: int = 1,
    dtype: str = "float32",
    config: TrainConfig | None = None,
    data: Data | None = None,
    seed: int = 0,
) -> Comparison:
    """Train a task in an arithmetic of ours, and apply PyTorch's operations to the same operands.

    What differs is made by the one operation: no error is inherited.

    Args:
        task: What to train; a task by name knows how and on what.
        steps: For how many steps.
        dtype: ``float32`` or ``float64``.
        config: How to train; by default as the named task does.
        data: On what; by default the named task's.
        seed: Names the initial parameters.

    Raises:
        UnavailableError: PyTorch is not installed.
        NumleanError: There is no such task or dtype, or nothing says how to train on what.
    """
    setting = Setting.of(task, dtype, config=config, data=data, seed=seed)
    table = _Table(setting)
    side = Side(setting.scalar.name, setting.scalar, setting.options)
    optimizer = KeepsGradients(setting.config.optimizer)
    stepper = Stepper(setting.runner(), optimizer, setting.config.scheduler)
    for step, sample in enumerate(setting.batches(steps)):
        before = RunState.of(stepper)
        moment = Moment(step, before, sample, before)
        applications, _ = traced(setting.task, setting.config, side, moment)
        table.enter(step, applications)
        stepper.step(sample)
    return Comparison(setting.scalar.name, steps, tuple(table.rows.values()), table.first)


class _Table:
    """Rows that grow step by step."""

    def __init__(self, setting: Setting) -> None:
        self._scalars = setting.scalar, setting.theirs
        self._sides = [Side(s.name, s, setting.options) for s in self._scalars]
        self.rows: dict[tuple[str, str], Row] = {}
        self.first: Divergence | None = None

    def enter(self, step: int, applications: Sequence[Application]) -> None:
        """Add a step's operations."""
        for number, application in enumerate(applications):
            if application.operation not in OPERATIONS:
                continue
            key = (application.place.phase, kind_of(application))
            row = self.rows.get(key) or Row(*key)
            theirs = replace(application, result=self._their_result(application))
            self.rows[key] = row = _extended(row, self._scalars[0], application, theirs)
            if row.differing and row.first is None:
                traces = [*applications[:number], application], [*applications[:number], theirs]
                found = self._described(step, traces)
                self.rows[key] = replace(row, first=found)
                self.first = self.first or found

    def _their_result(self, application: Application) -> Any:
        operation = getattr(self._scalars[1], application.operation)
        return np.asarray(operation(*application.operands, **application.options))

    def _described(self, step: int, traces: Sequence[Sequence[Application]]) -> Divergence:
        """The first element in which the last operations of two traces differ."""
        ours, theirs = (trace[-1] for trace in traces)
        place = first_place(differing(self._scalars[0], np.asarray(ours.result), theirs.result))
        assert place is not None
        difference = Difference(len(traces[0]) - 1, place)
        return described(self._sides, step, ours.operation, traces, difference)


def kind_of(application: Application) -> str:
    """The operation's name, with the extents of a product, the number of terms of a sum."""
    name, operands = application.operation, application.operands
    if name in ("matmul", "bmm"):
        a, b = operands
        return f"{name} {'x'.join(map(str, (*a.shape, b.shape[-1])))}"
    if name in ("sum", "max", "argmax"):
        default = None if name == "sum" else -1
        axis = operands[1] if len(operands) > 1 else application.options.get("axis", default)
        extents = (operands[0].shape[k] for k in axes_of(axis, operands[0].ndim))
        return f"{name} of {prod(extents)}"
    return name


def _extended(row: Row, scalar: Any, ours: Application, theirs: Application) -> Row:
    x, y = np.asarray(ours.result), theirs.result
    mask = differing(scalar, x, y)
    distances = ulps(scalar, x[mask], y[mask])
    elements = row.elements + x.size
    total = row.mean_ulp * row.elements + float(distances.sum())
    return replace(
        row,
        applications=row.applications + 1,
        elements=elements,
        differing=row.differing + int(mask.sum()),
        max_ulp=max(row.max_ulp, float(distances.max(initial=0.0))),
        mean_ulp=total / max(elements, 1),
    )


def _cells(row: Row) -> tuple[str, ...]:
    counts = (f"{row.applications:,}", f"{row.elements:,}", f"{row.share:.2%}")
    return row.phase, row.kind, *counts, f"{row.max_ulp:.6g}", f"{row.mean_ulp:.3g}"
