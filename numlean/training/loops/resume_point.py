"""The point at which a loop resumes, given a stepper that has made some of its steps."""

from __future__ import annotations

from numlean.errors import NumleanError
from numlean.optim import Optimizer
from numlean.optim.schedules import Schedule
from numlean.training.runner import Runner
from numlean.training.stepper import Stepper


def get_or_create_stepper(
    stepper: Stepper | None, runner: Runner, optimizer: Optimizer, schedule: Schedule | None
) -> Stepper:
    """Return the given stepper, or a new one.

    Raises:
        NumleanError: The given stepper belongs to a different runner.
    """
    if stepper is None:
        return Stepper(runner, optimizer, schedule)
    if stepper.runner is not runner:
        raise NumleanError("stepper belongs to a different runner")
    return stepper


def completed_steps(stepper: Stepper, updates: int, steps: int) -> int:
    """Return the number of steps a stepper has made, of ``updates`` updates each.

    Raises:
        NumleanError: Its steps had another number of updates, or it has made more than ``steps``.
    """
    made = stepper.schedule_count
    if stepper.step_count != made * updates:
        raise NumleanError(
            f"the stepper has made {stepper.step_count} updates in {made} steps, but the resumed"
            f" loop makes {updates} updates per step"
        )
    if made > steps:
        raise NumleanError(f"the run has already made {made} steps, but config.steps is {steps}")
    return made
