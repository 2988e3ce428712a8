"""The stepper: one update at a time."""

from __future__ import annotations

from collections.abc import Sequence

from numlean.autograd.tensor import Tensor
from numlean.data import Batch, Sample
from numlean.optim import Optimizer, State, check_rate
from numlean.optim.schedules import Schedule
from numlean.training.engine import engine_for
from numlean.training.runner import Runner


class Stepper:
    """Updates a runner's parameters by an optimizer.

    An *update* is made by a sample, or a batch; a *step* is one update or several at one learning
    rate, that of the schedule at the step's index.

    Attributes:
        runner: Whose parameters are updated.
        optimizer: By which rule.
        schedule: The learning rate by index, or None for the optimizer's.
        step_count: Updates so far; what an update draws at random depends on it.
        schedule_count: The index at which the schedule is asked next; the number of steps so far,
            unless they were told their indices.
        engine: What carries out the steps.
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

    @property
    def state(self) -> State:
        """What the optimizer remembers."""
        return self.engine.state

    def rate_at(self, index: int) -> float:
        """The learning rate at an index: the schedule's, or else the optimizer's."""
        return self.optimizer.lr if self.schedule is None else self.schedule(index)

    def restore(
        self,
        params: Sequence[Tensor],
        state: State,
        step_count: int,
        *,
        schedule_count: int | None = None,
    ) -> None:
        """Go on from where a run was after so many updates.

        Args:
            params: The parameters and buffers it had, in the model's order.
            state: What its optimizer remembered.
            step_count: The updates it had made; what is drawn at random follows from that.
            schedule_count: Where it was in its schedule; by default at ``step_count``.
        """
        self.runner.params = params
        self.engine.state = state
        self.step_count = step_count
        self.schedule_count = step_count if schedule_count is None else schedule_count
        self._draw_anew()

    def step(self, sample: Sample | Batch) -> Tensor:
        """Update the parameters once by a sample or a batch; return its loss before the update."""
        (loss,) = self.step_group([sample])
        return loss

    def step_group(
        self, samples: Sequence[Sample | Batch], *, at: int | None = None
    ) -> list[Tensor]:
        """One step: an update for each sample or batch, all at one learning rate.

        Buffers are refreshed with each update.

        Args:
            samples: What to update by, in order.
            at: The index at which the schedule is asked; by default ``schedule_count``.

        Returns:
            Each one's loss before its update.
        """
        index = self.schedule_count if at is None else at
        rate = self.runner.tensor(check_rate("lr", self.rate_at(index)))
        losses = [self._update(sample, rate) for sample in samples]
        self.schedule_count = index + 1
        return losses

    def epoch(self, samples: Sequence[Sample | Batch]) -> list[Tensor]:
        """A step for each sample or batch; return their losses before it."""
        return [self.step(sample) for sample in samples]

    def _update(self, sample: Sample | Batch, rate: Tensor) -> Tensor:
        runner = self.runner
        runner.train()
        self._draw_anew()
        loss = self.engine.step(*runner.batch(sample), rate)
        self.step_count += 1
        self._draw_anew()
        return loss

    def _draw_anew(self) -> None:
        """Let what is drawn at random from here on be a function of the number of updates."""
        self.runner.clock.step = self.step_count
        self.runner.scalar.start_step(self.step_count)


def make_stepper(runner: Runner, optimizer: Optimizer, schedule: Schedule | None = None) -> Stepper:
    """A stepper that has made no step."""
    return Stepper(runner, optimizer, schedule)
