"""One of the compared runs, step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numlean.analysis.drift.exact_reference import ExactReference
from numlean.analysis.drift.operations import OperationMeter
from numlean.analysis.drift.parameters import ParameterMeter
from numlean.analysis.drift.ulp_scale import UlpScale
from numlean.analysis.finiteness import FiniteCheck
from numlean.analysis.lockstep import Number, RunSpec
from numlean.analysis.lockstep.replay import StepSnapshot, trace_step
from numlean.analysis.lockstep.states import RecordingOptimizer, RunState
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.data import Batch, Dataset
from numlean.digest import state_digest, value_digest
from numlean.nn import Mode
from numlean.scalar.exact_text import format_hex
from numlean.scalar.flags import Flags
from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.counting import CountingScalar, supports_flags
from numlean.scalar.wrappers.tracing import TracedOperation
from numlean.training import Stepper, Task, TrainConfig


class Run:
    """A run of a task in one arithmetic.

    Attributes:
        spec: The arithmetic and the execution of the run.
        task: The task.
        config: The training configuration.
        stepper: Makes the steps.
        after: The state after the last step.
    """

    def __init__(self, spec: RunSpec, task: Task, config: TrainConfig) -> None:
        self.spec = spec
        self.task = task
        self.config = config
        runner = spec.runner(task)
        runner.keeps_outputs = True
        self.stepper = Stepper(runner, RecordingOptimizer(config.optimizer), config.scheduler)
        self.after = RunState.of(self.stepper)
        self._check = FiniteCheck("warn", stepper=self.stepper, report=lambda text: None)

    @property
    def nonfinite(self) -> str | None:
        """Where the run stopped being finite; None if it did not."""
        return None if self._check.first is None else str(self._check.first)

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.spec.name

    def step(self, sample: Batch) -> None:
        """Make a step."""
        loss = self.stepper.step(sample)
        self.after = RunState.of(self.stepper, loss)
        self._check(self.stepper, loss)

    def trace_step(
        self, sample: Batch, *, counts_flags: bool
    ) -> tuple[list[TracedOperation], dict[str, Flags] | None]:
        """Make a step; return its operations, and their flags if the arithmetic counts any."""
        # A plan overwrites its inputs, and counting needs the operations one by one.
        eager = replace(self.spec.options, backend="eager")
        spec, counting = replace(self.spec, options=eager), None
        if counts_flags and supports_flags(spec.scalar):
            counting = CountingScalar(spec.scalar)
            spec = replace(spec, scalar=counting)
        stepper, before = self.stepper, RunState.of(self.stepper)
        snapshot = StepSnapshot(stepper.step_count, before, sample, before)
        traced_operations, after = trace_step(self.task, self.config, spec, snapshot)
        operations = [each for each in traced_operations if each is not None]
        self.after = _state_in(stepper.runner.scalar, after)
        stepper.restore(self.after.params, self.after.state, stepper.step_count + 1)
        stepper.adopt([sample], self.after.outputs, self.loss)
        self._check(stepper, self.loss)
        return operations, None if counting is None else dict(counting.counts)

    @property
    def loss(self) -> Tensor:
        """The loss of the last step, before its update."""
        assert self.after.loss is not None
        return self.after.loss

    def figures(self) -> dict[str, Any]:
        """Return the figures of the last step that need no reference run."""
        number = Number.of(self.spec.scalar, self.loss.data)
        bits = None if number.bits is None else format_hex(self.loss.scalar, self.loss.data)
        return {
            "loss": self.loss.item(),
            "exact_loss": self.stepper.reported_loss().item(),
            "loss_text": number.text,
            "loss_bits": bits,
        }

    def evaluate(self, data: Dataset, *, with_accuracy: bool) -> dict[str, Any]:
        """Return the accuracy on data with the current parameters, or the loss without classes."""
        runner = self.stepper.runner
        with runner.in_mode(Mode.EVAL):
            if not with_accuracy:
                return {"test_loss": runner.reported_loss(data).item(), "accuracy": None}
            correct, count = runner.accuracy(data)
        return {"test_loss": None, "accuracy": correct / count}

    def digests(self) -> dict[str, str]:
        """Return the digests of the current parameters."""
        named = self.stepper.runner.named_parameters
        return {"state_digest": state_digest(named), "value_digest": value_digest(named)}


class MeasuredRun:
    """A run that is measured against the reference run.

    Attributes:
        run: The run.
        operations: Measures its operations.
    """

    def __init__(self, run: Run, truth: Run) -> None:
        self.run = run
        exact_reference = ExactReference(run.spec.scalar)
        scalar = truth.spec.scalar
        self.operations = OperationMeter(exact_reference, UlpScale.of(scalar))
        self._parameters = ParameterMeter(exact_reference, scalar)
        self._truth = truth

    def step_errors(self) -> dict[str, Any]:
        """Return the errors of loss and parameters after the last step."""
        params, expected = self.run.after.params, self._truth.after.params
        names = [spec.name for spec in self.run.task.model.parameters]
        return {
            **self._parameters.loss(self.run.loss, self._truth.loss),
            "parameters": self._parameters.parameters(names, params, expected),
        }


def _state_in(scalar: Scalar, state: RunState) -> RunState:
    """Return a state with the numbers of the Scalar instead of those of its wrapper."""
    assert state.loss is not None
    return RunState(
        tuple(_tensor_in(scalar, p) for p in state.params),
        {name: [_tensor_in(scalar, t) for t in tensors] for name, tensors in state.state.items()},
        Tensor(scalar, state.loss.data),
        tuple((_tensor_in(scalar, x), _tensor_in(scalar, y)) for x, y in state.outputs),
    )


def _tensor_in(scalar: Scalar, x: Tensor) -> Tensor:
    return x if x.scalar is INDEX else Tensor(scalar, x.data)
