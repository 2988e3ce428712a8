"""Find PyTorch's operations whose bits differ from correctly rounded, ordered ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np

from numlean.analysis.lockstep import Divergence, RunSpec
from numlean.analysis.lockstep.comparison import first_place
from numlean.analysis.lockstep.divergence import TraceDifference, describe_divergence
from numlean.analysis.lockstep.lockstep import Data
from numlean.analysis.lockstep.replay import StepSnapshot, trace_step
from numlean.analysis.lockstep.states import RecordingOptimizer, RunState
from numlean.interop.torch.distances import differing
from numlean.interop.torch.layer_comparison import AutocastComparison, compare_layers
from numlean.interop.torch.rows import OperationComparison, as_text, kind_of
from numlean.interop.torch.scalar import is_torch_operation
from numlean.interop.torch.setting import Setting
from numlean.precision import Policy
from numlean.scalar.wrappers.tracing import TracedOperation
from numlean.tasks import NamedTask
from numlean.training import Stepper, Task, TrainConfig


@dataclass(frozen=True)
class TorchComparison:
    """PyTorch's operations compared with those of numlean, on the same operands.

    Attributes:
        dtype: The arithmetic of numlean.
        steps: The number of training steps from which the operations come.
        rows: The comparison of each kind of operation, in the order of their first calls.
        first: The first element that differs, in program order; None if all are equal.
    """

    dtype: str
    steps: int
    rows: tuple[OperationComparison, ...]
    first: Divergence | None

    @property
    def identical(self) -> bool:
        """Whether PyTorch computes the same bits throughout."""
        return self.first is None

    def __str__(self) -> str:
        title = f"{self.dtype} and PyTorch on the same operands, {self.steps} steps"
        block = [] if self.first is None else ["", str(self.first)]
        return "\n".join([title, *as_text(self.rows), *block])


@overload
def compare(
    task: Task | NamedTask | str,
    *,
    steps: int = 1,
    dtype: str = "float32",
    config: TrainConfig | None = None,
    data: Data | None = None,
    seed: int = 0,
    device: str | None = None,
) -> TorchComparison: ...
@overload
def compare(
    task: Task | NamedTask | str,
    *,
    steps: int = 1,
    dtype: Policy,
    config: TrainConfig | None = None,
    data: Data | None = None,
    seed: int = 0,
    device: str | None = None,
) -> TorchComparison | AutocastComparison: ...
def compare(
    task: Task | NamedTask | str,
    *,
    steps: int = 1,
    dtype: str | Policy = "float32",
    config: TrainConfig | None = None,
    data: Data | None = None,
    seed: int = 0,
    device: str | None = None,
) -> TorchComparison | AutocastComparison:
    """Train a task with numlean, and apply PyTorch's operations to the same operands.

    A difference comes from that one operation: no error is inherited. In a run by a policy, the
    operations are the layers and the loss, which PyTorch evaluates in ``torch.autocast`` on the
    CPU: their outputs, and their gradients from the same cotangent.

    Args:
        task: The task to train; a named task defines its config and data.
        steps: The number of steps.
        dtype: ``float32`` or ``float64``; or a policy that ``torch.autocast`` has: bf16-mixed or
            fp16-amp, with any ``accumulate`` and ``loss_scaling``.
        config: The training configuration; by default the named task's.
        data: The data; by default those of the named task.
        seed: The seed of the initial parameters.
        device: The device of numlean's run; by default that of the dtype.

    Returns:
        The comparison of operations; of layers for a policy that is not uniform.

    Raises:
        UnavailableError: PyTorch is not installed, or it lacks the policy, a layer or the loss.
        NumleanError: The task or dtype is unknown, or config or data are missing.
    """
    setting = Setting.of(task, dtype, config=config, data=data, seed=seed, device=device)
    if setting.policy is not None:
        return compare_layers(setting, setting.policy, steps)
    builder = _RowBuilder(setting)
    spec = RunSpec(setting.scalar.name, setting.scalar, setting.options)
    optimizer = RecordingOptimizer(setting.config.optimizer)
    stepper = Stepper(setting.runner(), optimizer, setting.config.scheduler)
    for step, sample in enumerate(setting.batches(steps)):
        before = RunState.of(stepper)
        snapshot = StepSnapshot(step, before, sample, before)
        operations, _ = trace_step(setting.task, setting.config, spec, snapshot)
        builder.add(step, [each for each in operations if each is not None])
        stepper.step(sample)
    return TorchComparison(setting.scalar.name, steps, tuple(builder.rows.values()), builder.first)


class _RowBuilder:
    """The rows of a comparison, extended step by step."""

    def __init__(self, setting: Setting) -> None:
        self._scalars = setting.scalar, setting.theirs
        self._specs = [RunSpec(s.name, s, setting.options) for s in self._scalars]
        self.rows: dict[tuple[str, str], OperationComparison] = {}
        self.first: Divergence | None = None

    def add(self, step: int, operations: Sequence[TracedOperation]) -> None:
        """Add the operations of a step."""
        for number, op in enumerate(operations):
            if not is_torch_operation(op.operation):
                continue
            key = (op.place.phase, kind_of(op))
            row = self.rows.get(key) or OperationComparison(*key)
            theirs = replace(op, result=self._their_result(op), scalar=self._scalars[1])
            self.rows[key] = row = row.extend(self._scalars[0], op, theirs)
            if row.differing and row.first is None:
                traces = [*operations[:number], op], [*operations[:number], theirs]
                found = self._first_difference(step, traces)
                self.rows[key] = replace(row, first=found)
                self.first = self.first or found

    def _their_result(self, op: TracedOperation) -> Any:
        operation = getattr(self._scalars[1], op.operation)
        return np.asarray(operation(*op.operands, **op.options))

    def _first_difference(
        self, step: int, traces: Sequence[Sequence[TracedOperation]]
    ) -> Divergence:
        """Return the first element in which the last operations of two traces differ."""
        ours, theirs = (trace[-1] for trace in traces)
        place = first_place(differing(self._scalars[0], np.asarray(ours.result), theirs.result))
        assert place is not None
        difference = TraceDifference(len(traces[0]) - 1, place)
        return describe_divergence(self._specs, step, ours.operation, traces, difference)
