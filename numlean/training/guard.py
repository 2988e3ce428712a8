"""What a training loop tells about a run that cannot work: bad constants, and a run that dies."""

from __future__ import annotations

from numlean.autograd.tensor import Tensor
from numlean.training.finiteness import RunNumbers
from numlean.training.harmful_constants import harmful_constants
from numlean.training.report import Log
from numlean.training.stepper import Stepper


class Guard:
    """Writes warnings into the log of a training loop.

    Attributes:
        is_finite: Whether all numbers have been finite so far.
    """

    def __init__(self, stepper: Stepper, log: Log, steps: int) -> None:
        """Warn of constants that round to something harmful.

        Args:
            stepper: The stepper of the run.
            log: The log.
            steps: The number of indices of the schedule.
        """
        self.is_finite = True
        self._log = log
        runner = stepper.runner
        settings = stepper.optimizer, stepper.schedule, steps
        update = runner.precision.scalars.update
        for each in harmful_constants(runner.task, runner.scalar, *settings, update=update):
            log(f"warning: {each}")

    def after_step(self, stepper: Stepper, loss: Tensor) -> None:
        """Log each skipped update; warn at the first step after which a number is not finite."""
        first = stepper.step_count - len(stepper.scaled_steps)
        for update, scaled in enumerate(stepper.scaled_steps, first):
            if scaled.is_skipped:
                self._log(f"update {update}: {scaled}")
        if not self.is_finite:
            return
        numbers = RunNumbers.of(stepper)
        if not numbers.all_finite(loss):
            self.is_finite = False
            self._log(
                f"warning: after update {stepper.step_count} the run is not finite"
                f" ({numbers.nonfinite(loss)}); on_step=numlean.FiniteCheck() names the operation"
            )
