"""Which of PyTorch's operations give other bits than correctly rounded, ordered ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from numlean.analysis.lockstep import Divergence, RunSpec
from numlean.analysis.lockstep.comparison import first_place
from numlean.analysis.lockstep.divergence import Difference, described
from numlean.analysis.lockstep.lockstep import Data
from numlean.analysis.lockstep.replay import StepSnapshot, traced
from numlean.analysis.lockstep.states import RecordingOptimizer, RunState
from numlean.interop.torch.distances import differing
from numlean.interop.torch.rows import Row, as_text, kind_of
from numlean.interop.torch.scalar import is_torch_operation
from numlean.interop.torch.setting import Setting
from numlean.scalar.wrappers.tracing import TracedOperation
from numlean.tasks import NamedTask
from numlean.training import Stepper, Task, TrainConfig


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
        title = f"{self.dtype} and PyTorch on the same operands, {self.steps} steps"
        block = [] if self.first is None else ["", str(self.first)]
        return "\n".join([title, *as_text(self.rows), *block])


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
    side = RunSpec(setting.scalar.name, setting.scalar, setting.options)
    optimizer = RecordingOptimizer(setting.config.optimizer)
    stepper = Stepper(setting.runner(), optimizer, setting.config.scheduler)
    for step, sample in enumerate(setting.batches(steps)):
        before = RunState.of(stepper)
        moment = StepSnapshot(step, before, sample, before)
        applications, _ = traced(setting.task, setting.config, side, moment)
        table.enter(step, [each for each in applications if each is not None])
        stepper.step(sample)
    return Comparison(setting.scalar.name, steps, tuple(table.rows.values()), table.first)


class _Table:
    """Rows that grow step by step."""

    def __init__(self, setting: Setting) -> None:
        self._scalars = setting.scalar, setting.theirs
        self._sides = [RunSpec(s.name, s, setting.options) for s in self._scalars]
        self.rows: dict[tuple[str, str], Row] = {}
        self.first: Divergence | None = None

    def enter(self, step: int, applications: Sequence[TracedOperation]) -> None:
        """Add a step's operations."""
        for number, application in enumerate(applications):
            if not is_torch_operation(application.operation):
                continue
            key = (application.place.phase, kind_of(application))
            row = self.rows.get(key) or Row(*key)
            theirs = replace(application, result=self._their_result(application))
            self.rows[key] = row = row.extended(self._scalars[0], application, theirs)
            if row.differing and row.first is None:
                traces = [*applications[:number], application], [*applications[:number], theirs]
                found = self._described(step, traces)
                self.rows[key] = replace(row, first=found)
                self.first = self.first or found

    def _their_result(self, application: TracedOperation) -> Any:
        operation = getattr(self._scalars[1], application.operation)
        return np.asarray(operation(*application.operands, **application.options))

    def _described(self, step: int, traces: Sequence[Sequence[TracedOperation]]) -> Divergence:
        """The first element in which the last operations of two traces differ."""
        ours, theirs = (trace[-1] for trace in traces)
        place = first_place(differing(self._scalars[0], np.asarray(ours.result), theirs.result))
        assert place is not None
        difference = Difference(len(traces[0]) - 1, place)
        return described(self._sides, step, ours.operation, traces, difference)
