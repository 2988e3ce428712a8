"""One of the runs that are compared, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numlean.comparison.grid import Grid
from numlean.comparison.judge import Judge
from numlean.comparison.operations import Key, OperationErrors, OperationMeter
from numlean.comparison.parameters import ParameterMeter
from numlean.comparison.truth import TrueStep
from numlean.counting import CountingScalar, keeps_flags
from numlean.data import Dataset, Sample
from numlean.digest import parameters_of, state_digest, value_digest
from numlean.flags import Flags
from numlean.lockstep import Number, Side
from numlean.lockstep.replay import Moment, traced
from numlean.lockstep.states import KeepsGradients, RunState
from numlean.lockstep.tracing import Application
from numlean.runtime import Stepper, Task, TrainConfig, evaluation
from numlean.tensor import Tensor


class Lane:
    """A run of a task in one arithmetic.

    Attributes:
        side: In which arithmetic, and how.
        task: What is trained.
        config: How.
        stepper: Makes the steps.
        moment: The last step.
    """

    def __init__(self, side: Side, task: Task, config: TrainConfig) -> None:
        self.side = side
        self.task = task
        self.config = config
        runner = side.runner(task)
        self.stepper = Stepper(runner, KeepsGradients(config.optimizer), config.scheduler)
        self.moment: Moment | None = None

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.side.name

    def step(self, sample: Sample) -> None:
        """Make a step."""
        before, number = RunState.of(self.stepper), self.stepper.step_count
        loss = self.stepper.step(sample)
        self.moment = Moment(number, before, sample, RunState.of(self.stepper, loss))

    @property
    def loss(self) -> Tensor:
        """The last step's, before its update."""
        assert self.moment is not None
        assert self.moment.after.loss is not None
        return self.moment.after.loss

    def figures(self) -> dict[str, Any]:
        """What there is to say of the last step without the truth."""
        number = Number.of(self.side.scalar, self.loss.data)
        bits = None if number.bits is None else hex(number.bits)
        return {"loss": self.loss.item(), "loss_text": number.text, "loss_bits": bits}

    def tested(self, data: Dataset, *, counts_classes: bool) -> dict[str, Any]:
        """Loss and accuracy over data, with the present parameters."""
        found = evaluation(self.stepper, data, counts_classes=counts_classes)
        return {"test_loss": found.loss.item(), "accuracy": found.accuracy}

    def digests(self) -> dict[str, str]:
        """Those of the present parameters."""
        named = parameters_of(self.stepper.runner)
        return {"state_digest": state_digest(named), "value_digest": value_digest(named)}

    def trace(self, *, counts_flags: bool) -> tuple[list[Application], dict[str, Flags] | None]:
        """The last step's operations, and the flags they raised, if the arithmetic keeps any."""
        assert self.moment is not None
        side = self.side
        if not (counts_flags and keeps_flags(side.scalar)):
            return traced(self.task, self.config, side, self.moment)[0], None
        counting = CountingScalar(side.scalar)
        # What is counted is carried out one by one.
        eager = replace(side.options, backend="eager")
        side = replace(side, scalar=counting, options=eager)
        applications, _ = traced(self.task, self.config, side, self.moment)
        return applications, dict(counting.counts)


class Measured:
    """A run that is measured against the truth's.

    Attributes:
        lane: The run.
        operations: Measures its operations.
    """

    def __init__(self, lane: Lane, truth: Lane) -> None:
        self.lane = lane
        judge, scalar = Judge(lane.side.scalar), truth.side.scalar
        self.operations = OperationMeter(judge, Grid.of(scalar))
        self._parameters = ParameterMeter(judge, scalar)
        self._truth = truth

    def step_errors(self) -> dict[str, Any]:
        """The errors of loss and parameters after the last step."""
        params, true = (_params(lane) for lane in (self.lane, self._truth))
        names = [spec.name for spec in self.lane.task.model.parameters]
        return {
            **self._parameters.loss(self.lane.loss, self._truth.loss),
            "parameters": self._parameters.parameters(names, params, true),
        }

    def operation_errors(
        self, truth: TrueStep, *, counts_flags: bool
    ) -> tuple[dict[Key, OperationErrors], dict[str, Any] | None]:
        """The errors of the last step's operations, and its flags by operation."""
        applications, counts = self.lane.trace(counts_flags=counts_flags)
        flags = counts and {name: flags.as_dict() for name, flags in sorted(counts.items())}
        return self.operations.errors(applications, truth), flags


def _params(lane: Lane) -> Sequence[Tensor]:
    assert lane.moment is not None
    return lane.moment.after.params
