"""The stepper: makes one update at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.data import Batch, Sample
from numlean.optim import Optimizer, State, check_rate
from numlean.optim.scaled_loss import ScaledStep
from numlean.optim.schedules import Schedule
from numlean.training.engine import engine_for
from numlean.training.evaluation import reported_loss_of
from numlean.training.reported_loss import ReportedLoss
from numlean.training.runner import Runner

Numbers: TypeAlias = tuple[tuple[Tensor, ...], State, int]
"""The parameters and buffers, the optimizer's state, and the number of updates."""


@checked
class Stepper:
    """Updates a runner's parameters with an optimizer.

    An *update* uses one sample or one batch. A *step* is one or several updates at the same
    learning rate, that of the schedule at the step's index.

    Attributes:
        runner: The runner whose parameters are updated.
        optimizer: The optimizer.
        schedule: The learning rate by index; None uses the optimizer's.
        step_count: The number of updates so far; it determines the random numbers of an update.
        schedule_count: The index of the next step in the schedule: the number of steps so far,
            unless steps were given other indices.
        engine: Executes the updates.
        samples: The samples or batches of the last step.
        outputs: The model's outputs and the targets of each update of the last step, if the runner
            keeps outputs.
        losses: The loss of each update of the last step.
        scaled_steps: What loss scaling has done in each update of the last step; empty if the loss
            is not scaled.
        origin: The parameters, the optimizer's state and the number of updates with which the
            stepper was made or restored.
        previous: The same before the last step, if that was made with others at once and left
            numbers that are not finite; otherwise None.
    """

    def __init__(
        self, runner: Runner, optimizer: Optimizer, schedule: Schedule | None = None
    ) -> None:
        self.runner = runner
        self.optimizer = optimizer
        self.schedule = schedule
        self.step_count = 0
        self.schedule_count = 0
        self.engine = engine_for(runner, optimizer)
        self.samples: Sequence[Sample | Batch] = ()
        self.outputs: list[tuple[Tensor, Tensor]] = []
        self.losses: list[Tensor] = []
        self.scaled_steps: list[ScaledStep] = []
        self.origin: Numbers = self._now()
        self.previous: Numbers | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self.runner, self.optimizer, self.schedule)
        return restore_stepper, (*parts, self.state, self.step_count, self.schedule_count)

    def __repr__(self) -> str:
        return f"Stepper({self.runner}, {self.optimizer}, after {self.step_count} updates)"

    @property
    def state(self) -> State:
        """The optimizer's state."""
        return self.engine.state

    def rate_at(self, index: int) -> float:
        """Return the learning rate at an index: the schedule's, or else the optimizer's."""
        return self.optimizer.lr if self.schedule is None else self.schedule(index)

    def restore(
        self,
        params: Sequence[Tensor],
        state: State,
        step_count: int,
        *,
        schedule_count: int | None = None,
    ) -> None:
        """Continue from the state of a run after some updates.

        Args:
            params: The parameters and buffers, in the model's order.
            state: The optimizer's state.
            step_count: The number of updates; it determines the next random numbers.
            schedule_count: The index of the next step in the schedule; by default ``step_count``.

        Raises:
            NumleanError: Parameters or state have other names, shapes or Scalars than the run's.
        """
        self.engine.state = state
        self.runner.params = params
        self.step_count = step_count
        self.schedule_count = step_count if schedule_count is None else schedule_count
        self.origin = self._now()
        self._start_random_streams()

    def adopt(
        self,
        samples: Sequence[Sample | Batch],
        outputs: Sequence[tuple[Tensor, Tensor]],
        loss: Tensor,
    ) -> None:
        """Take over the record of a step of one update that was made elsewhere."""
        self.samples, self.outputs, self.losses = samples, list(outputs), [loss]
        self.scaled_steps = self._scaled_step()

    def adopt_steps(self, count: int, batch: Batch, loss: Tensor, previous: Numbers | None) -> None:
        """Take over steps of one update each that the engine has made at once.

        Args:
            count: The number of steps.
            batch: The batch of the last one.
            loss: The loss of the last one.
            previous: The numbers before the last one, if it left numbers that are not finite.
        """
        self.samples, self.losses, self.previous = [batch], [loss], previous
        self.outputs.clear()
        self.scaled_steps = []
        self.step_count += count
        self.schedule_count += count
        self._start_random_streams()

    def step(self, sample: Sample | Batch) -> Tensor:
        """Update the parameters once by a sample or a batch; return its loss before the update."""
        (loss,) = self.step_group([sample])
        return loss

    def step_group(
        self, samples: Sequence[Sample | Batch], *, at: int | None = None
    ) -> list[Tensor]:
        """Make one step: an update for each sample or batch, all at the same learning rate.

        Each update also refreshes the buffers.

        Args:
            samples: The samples or batches, in order.
            at: The step's index in the schedule; by default ``schedule_count``.

        Returns:
            The loss of each sample or batch before its update.
        """
        index = self.schedule_count if at is None else at
        rate = self.runner.hyperparameter(check_rate("lr", self.rate_at(index)))
        self.samples = samples
        self.previous = None
        self.outputs.clear()
        self.scaled_steps = []
        losses = [self._update(sample, rate) for sample in samples]
        self.schedule_count = index + 1
        self.losses = losses
        return losses

    def reported_loss(self) -> ReportedLoss:
        """Return the exact mean loss of the last step's samples, before their own updates.

        Raises:
            NumleanError: No step was made, or ``runner.keeps_outputs`` was not set before it.
        """
        return reported_loss_of(self.runner, self.outputs, self.losses)

    def epoch(self, samples: Sequence[Sample | Batch]) -> list[Tensor]:
        """Make a step for each sample or batch; return the losses before the updates."""
        return [self.step(sample) for sample in samples]

    def _update(self, sample: Sample | Batch, rate: Tensor) -> Tensor:
        runner = self.runner
        runner.train()
        self._start_random_streams()
        x, y = runner.batch(sample)
        loss = self.engine.step(x, y, rate)
        if self.engine.output is not None:
            self.outputs.append((self.engine.output, y))
        self.scaled_steps += self._scaled_step()
        self.step_count += 1
        self._start_random_streams()
        return loss

    def _scaled_step(self) -> list[ScaledStep]:
        scaled = self.engine.scaled_step
        return [] if scaled is None else [scaled]

    def _now(self) -> Numbers:
        return tuple(self.runner.params), self.engine.state, self.step_count

    def _start_random_streams(self) -> None:
        """Make the next random numbers a function of the number of updates."""
        self.runner.clock.step = self.step_count
        self.runner.precision.start_step(self.step_count)


@checked
def make_stepper(runner: Runner, optimizer: Optimizer, schedule: Schedule | None = None) -> Stepper:
    """Return a new stepper of a runner."""
    return Stepper(runner, optimizer, schedule)


def restore_stepper(
    runner: Runner,
    optimizer: Optimizer,
    schedule: Schedule | None,
    state: State,
    step_count: int,
    schedule_count: int,
) -> Stepper:
    """Return the stepper that ``pickle`` kept, after the same updates."""
    mode, params = runner.mode, runner.params
    stepper = Stepper(runner, optimizer, schedule)
    stepper.restore(params, state, step_count, schedule_count=schedule_count)
    runner.set_mode(mode)
    return stepper
