"""Two trainings one after the other, and step by step beside each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from numlean.analysis.lockstep import RunSpec, crosscheck
from numlean.errors import NumleanError
from numlean.tasks import get_task
from numlean.training import run_steps

WAYS: Final = ("eager", "compiled", "compiled:fast")
"""How steps are executed."""

STEPS: Final = 300


def contestants(dtypes: list[str], way: str) -> dict[str, Callable[[], object]]:
    """Some hundred steps of ``digits`` in each of two dtypes, by themselves and in lockstep.

    Raises:
        NumleanError: The two do not agree, so that a crosscheck would end before.
    """
    task = get_task("digits")
    config, data = task.config(steps=STEPS), task.load().train
    sides = [RunSpec.parse(f"{dtype}:{way}") for dtype in dtypes]

    def alone() -> None:
        for side in sides:
            run_steps(side.runner(task.task), config, data)

    def lockstep() -> None:
        result = crosscheck(task, *sides, config=config, data=data)
        if not result.identical:
            step = result.pairs[0].first_different_step
            raise NumleanError(f"{' and '.join(dtypes)} part at step {step}: name two that agree")

    return {"alone": alone, "lockstep": lockstep}
