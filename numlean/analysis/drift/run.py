"""One of the runs that are compared, step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numlean.analysis.drift.exact_reference import ExactReference
from numlean.analysis.drift.operations import OperationMeter
from numlean.analysis.drift.parameters import ParameterMeter
from numlean.analysis.drift.ulp_scale import UlpScale
from numlean.analysis.lockstep import Number, RunSpec
from numlean.analysis.lockstep.replay import StepSnapshot, traced
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
        side: In which arithmetic, and how.
        task: What is trained.
        config: How.
        stepper: Makes the steps.
        after: The state after the last step.
    """

    def __init__(self, side: RunSpec, task: Task, config: TrainConfig) -> None:
        self.side = side
        self.task = task
        self.config = config
        runner = side.runner(task)
        self.stepper = Stepper(runner, RecordingOptimizer(config.optimizer), config.scheduler)
        self.after = RunState.of(self.stepper)

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.side.name

    def step(self, sample: Batch) -> None:
        """Make a step."""
        self.after = RunState.of(self.stepper, self.stepper.step(sample))

    def traced_step(
        self, sample: Batch, *, counts_flags: bool
    ) -> tuple[list[TracedOperation], dict[str, Flags] | None]:
        """Make a step; its operations, and the flags they raise, if the arithmetic keeps any."""
        # A plan writes over what it was given, and what is counted is carried out one by one.
        eager = replace(self.side.options, backend="eager")
        side, counting = replace(self.side, options=eager), None
        if counts_flags and supports_flags(side.scalar):
            counting = CountingScalar(side.scalar)
            side = replace(side, scalar=counting)
        stepper, before = self.stepper, RunState.of(self.stepper)
        moment = StepSnapshot(stepper.step_count, before, sample, before)
        carried_out, after = traced(self.task, self.config, side, moment)
        applications = [each for each in carried_out if each is not None]
        self.after = _in(stepper.runner.scalar, after)
        stepper.restore(self.after.params, self.after.state, stepper.step_count + 1)
        return applications, None if counting is None else dict(counting.counts)

    @property
    def loss(self) -> Tensor:
        """The last step's, before its update."""
        assert self.after.loss is not None
        return self.after.loss

    def figures(self) -> dict[str, Any]:
        """What there is to say of the last step without the truth."""
        number = Number.of(self.side.scalar, self.loss.data)
        bits = None if number.bits is None else format_hex(self.loss.scalar, self.loss.data)
        return {"loss": self.loss.item(), "loss_text": number.text, "loss_bits": bits}

    def tested(self, data: Dataset, *, with_accuracy: bool) -> dict[str, Any]:
        """The accuracy over data with the present parameters, or the loss without classes."""
        runner = self.stepper.runner
        with runner.in_mode(Mode.EVAL):
            if not with_accuracy:
                return {"test_loss": runner.mean_loss(data).item(), "accuracy": None}
            right, count = runner.accuracy(data)
        return {"test_loss": None, "accuracy": right / count}

    def digests(self) -> dict[str, str]:
        """Those of the present parameters."""
        named = self.stepper.runner.named_parameters
        return {"state_digest": state_digest(named), "value_digest": value_digest(named)}


class MeasuredRun:
    """A run that is measured against the truth's.

    Attributes:
        lane: The run.
        operations: Measures its operations.
    """

    def __init__(self, lane: Run, truth: Run) -> None:
        self.lane = lane
        judge, scalar = ExactReference(lane.side.scalar), truth.side.scalar
        self.operations = OperationMeter(judge, UlpScale.of(scalar))
        self._parameters = ParameterMeter(judge, scalar)
        self._truth = truth

    def step_errors(self) -> dict[str, Any]:
        """The errors of loss and parameters after the last step."""
        params, true = self.lane.after.params, self._truth.after.params
        names = [spec.name for spec in self.lane.task.model.parameters]
        return {
            **self._parameters.loss(self.lane.loss, self._truth.loss),
            "parameters": self._parameters.parameters(names, params, true),
        }


def _in(scalar: Scalar, state: RunState) -> RunState:
    """A state whose numbers are those of the Scalar that another one stood in for."""
    assert state.loss is not None
    return RunState(
        tuple(_as(scalar, p) for p in state.params),
        {name: [_as(scalar, t) for t in tensors] for name, tensors in state.state.items()},
        Tensor(scalar, state.loss.data),
    )


def _as(scalar: Scalar, x: Tensor) -> Tensor:
    return x if x.scalar is INDEX else Tensor(scalar, x.data)
