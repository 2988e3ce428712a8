"""The stepper: one update at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from numlean.data import Sample
from numlean.execution import engine_for
from numlean.optim import Optimizer, State, checked_rate
from numlean.runtime.runner import Runner
from numlean.tensor import Tensor


class Stepper:
    """Updates a runner's parameters by an optimizer, a batch at a time.

    Attributes:
        runner: Whose parameters are updated.
        optimizer: By which rule.
        schedule: The learning rate by step, or None for the optimizer's.
        step_count: Updates so far.
        engine: What carries out the steps.
    """

    def __init__(
        self,
        runner: Runner,
        optimizer: Optimizer,
        schedule: Callable[[int], float] | None = None,
    ) -> None:
        self.runner = runner
        self.optimizer = optimizer
        self.schedule = schedule
        self.step_count = 0
        self.engine = engine_for(runner, optimizer)

    @property
    def state(self) -> State:
        """What the optimizer remembers."""
        return self.engine.state

    def step(self, sample: Sample) -> Tensor:
        """Update the parameters once by a sample or a batch; return its loss before the update."""
        runner = self.runner
        runner.train()
        runner.clock.step = self.step_count
        runner.scalar.begin(self.step_count)
        scheduled = self.optimizer.lr if self.schedule is None else self.schedule(self.step_count)
        rate = runner.tensor(checked_rate("lr", scheduled))
        loss = self.engine.step(*runner.batch(sample), rate)
        self.step_count += 1
        return loss

    def epoch(self, samples: Sequence[Sample]) -> list[Tensor]:
        """One update for each batch; return their losses before it."""
        return [self.step(sample) for sample in samples]


def stepper(
    runner: Runner, optimizer: Optimizer, schedule: Callable[[int], float] | None = None
) -> Stepper:
    """A stepper that has made no step."""
    return Stepper(runner, optimizer, schedule)
