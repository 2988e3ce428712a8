"""One of the compared runs, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from numlean.analysis.drift.exact_reference import ExactReference
from numlean.analysis.drift.operations import OperationMeter
from numlean.analysis.drift.parameters import ParameterMeter
from numlean.analysis.drift.sources import Sources
from numlean.analysis.drift.ulp_scale import UlpScale
from numlean.analysis.drift.update_errors import ObservedOptimizer, UpdateStep
from numlean.analysis.finiteness import FiniteCheck
from numlean.analysis.lockstep import Number, RunSpec
from numlean.analysis.lockstep.replay import StepSnapshot, trace_step
from numlean.analysis.lockstep.states import GRADIENT, RecordingOptimizer, RunState
from numlean.autograd.tensor import Tensor
from numlean.data import Batch, Dataset
from numlean.digest import state_digest, value_digest
from numlean.nn import Mode
from numlean.optim.scaled_loss import ScaledStep, loss_scale
from numlean.scalar.exact_text import format_hex
from numlean.scalar.flags import Flags
from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.counting import CountingScalar, supports_flags
from numlean.scalar.wrappers.tracing import Trace, TracedOperation
from numlean.training import Stepper, Task, TrainConfig

T = TypeVar("T")


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

    def trace_step(self, sample: Batch, *, counts_flags: bool) -> TracedStep:
        """Make a step; return its operations, and their flags if the arithmetics count any."""
        # A plan overwrites its inputs, and counting needs the operations one by one.
        spec = replace(self.spec, options=replace(self.spec.options, backend="eager"))
        counting: list[CountingScalar] = []
        if counts_flags:
            spec = spec.wrapped_by(partial(_counted, counting))
        stepper, before = self.stepper, RunState.of(self.stepper)
        snapshot = StepSnapshot(stepper.step_count, before, sample, before)
        trace, observed = Trace(), ObservedOptimizer(self.config.optimizer)
        config = replace(self.config, optimizer=observed)
        traced_operations, after = trace_step(self.task, config, spec, snapshot, into=trace)
        operations = [each for each in traced_operations if each is not None]
        self.after = self._adopted(after)
        stepper.restore(self.after.params, self.after.state, stepper.step_count + 1)
        stepper.adopt([sample], self.after.outputs, self.loss)
        self._check(stepper, self.loss)
        flags = self._flags(counting) if counting else None
        update = None
        if self.is_mixed:
            sources = Sources(operations)
            gradients = [Tensor(*sources.of(each)) for each in trace.gradients]
            update = self._update(before, observed, gradients)
        return TracedStep(operations, flags, update)

    @property
    def is_mixed(self) -> bool:
        """Whether the run has several arithmetics."""
        return self.spec.policy is not None

    @property
    def scalars(self) -> tuple[Scalar, ...]:
        """The arithmetics of the run."""
        return self.stepper.runner.precision.everything

    @property
    def trained_names(self) -> list[str]:
        """The names of the parameters that are trained."""
        return self._trained(spec.name for spec in self.task.model.parameters)

    def _adopted(self, state: RunState) -> RunState:
        """Return a state with the numbers of the run's Scalars instead of those of wrappers."""
        assert state.loss is not None
        adopted = self.stepper.runner.precision.adopted
        return RunState(
            tuple(map(adopted, state.params)),
            {name: [*map(adopted, tensors)] for name, tensors in state.state.items()},
            state.specs,
            adopted(state.loss),
            tuple((adopted(x), adopted(y)) for x, y in state.outputs),
        )

    def _flags(self, counting: Sequence[CountingScalar]) -> dict[str, Flags]:
        """Return the flags by operation; in a run in several arithmetics, by arithmetic, too."""
        return {
            f"{name} in {each.name}" if self.is_mixed else name: flags
            for each in counting
            for name, flags in each.counts.items()
        }

    def _update(
        self, before: RunState, observed: ObservedOptimizer, gradients: Sequence[Tensor]
    ) -> UpdateStep:
        trained, after = self._trained, self.after
        scaled = ScaledStep.of(after.state)
        return UpdateStep(
            names=self.trained_names,
            before=trained(before.parameters),
            after=trained(after.parameters),
            state={name: tensors for name, tensors in after.state.items() if name != GRADIENT},
            computed=observed.seen[-1],
            gradients=gradients,
            scale=loss_scale(before.state),
            is_skipped=scaled is not None and scaled.is_skipped,
        )

    def _trained(self, values: Iterable[T]) -> list[T]:
        """Return the values of the parameters that are trained, of those of all."""
        specs = self.task.model.parameters
        return [value for spec, value in zip(specs, values, strict=True) if spec.is_trainable]

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


@dataclass(frozen=True)
class TracedStep:
    """A step with its operations.

    Attributes:
        operations: The operations in program order.
        flags: The flags by operation; None if they were not counted.
        update: The numbers that the update rounded; None in a run in one arithmetic.
    """

    operations: list[TracedOperation]
    flags: dict[str, Flags] | None
    update: UpdateStep | None


class MeasuredRun:
    """A run that is measured against the reference run.

    Attributes:
        run: The run.
        operations: Measures its operations.
    """

    def __init__(self, run: Run, truth: Run) -> None:
        self.run = run
        exact_reference = ExactReference(*run.scalars)
        scalar = truth.spec.scalar
        self.operations = OperationMeter(
            exact_reference, UlpScale.of(scalar), names_arithmetics=run.is_mixed
        )
        self._parameters = ParameterMeter(exact_reference, scalar)
        self._truth = truth

    def step_errors(self) -> dict[str, Any]:
        """Return the errors of loss and parameters after the last step."""
        params, expected = self.run.after.parameters, self._truth.after.parameters
        names = [spec.name for spec in self.run.task.model.parameters]
        return {
            **self._parameters.loss(self.run.loss, self._truth.loss),
            "parameters": self._parameters.parameters(names, params, expected),
        }

    def state_errors(self) -> dict[str, Any]:
        """Return the errors of the optimizer's state after the last step, by name.

        What is not one tensor for each parameter is left out, and so is what the reference run does
        not have, such as the scale of a loss.
        """
        names = self.run.trained_names
        state, expected = self.run.after.state, self._truth.after.state
        return {
            name: self._parameters.parameters(names, state[name], expected[name])
            for name in state
            if name != GRADIENT and name in expected and len(state[name]) == len(names)
        }


def _counted(counting: list[CountingScalar], scalar: Scalar) -> Scalar:
    """Return a Scalar that counts flags, if the Scalar can, and add it to a list."""
    if not supports_flags(scalar):
        return scalar
    counting.append(CountingScalar(scalar))
    return counting[-1]
