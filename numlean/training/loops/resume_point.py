"""Loops that go on with a stepper that has made some of their steps."""

from __future__ import annotations

from numlean.errors import NumleanError
from numlean.optim import Optimizer
from numlean.optim.schedules import Schedule
from numlean.training.runner import Runner
from numlean.training.stepper import Stepper


def get_or_create_stepper(
    stepper: Stepper | None, runner: Runner, optimizer: Optimizer, schedule: Schedule | None
) -> Stepper:
    """The stepper given, or else one that has made no step.

    Raises:
        NumleanError: The stepper given is another runner's.
    """
    if stepper is None:
        return Stepper(runner, optimizer, schedule)
    if stepper.runner is not runner:
        raise NumleanError("the stepper that goes on is another runner's")
    return stepper


def completed_steps(stepper: Stepper, updates: int, steps: int) -> int:
    """How many steps a stepper has made, of so many updates each.

    Raises:
        NumleanError: It was in a loop of other steps, or has made more than are asked for.
    """
    made = stepper.schedule_count
    if stepper.step_count != made * updates:
        raise NumleanError(
            f"the stepper has made {stepper.step_count} updates in {made} steps; the loop that is"
            f" to go on makes {updates} a step"
        )
    if made > steps:
        raise NumleanError(f"{made} steps have been made, and only {steps} are asked for")
    return made
