"""Two trainings one after the other, and in lockstep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from numlean.analysis.lockstep import RunSpec, crosscheck
from numlean.errors import NumleanError
from numlean.tasks import get_task
from numlean.training import run_steps

WAYS: Final = ("eager", "compiled", "compiled:fast")
"""The ways to execute steps."""

STEPS: Final = {"eager": 100, "compiled": 1500, "compiled:fast": 1500}
"""The number of steps, by the way of executing them."""


def entries(dtypes: list[str], way: str) -> dict[str, Callable[[], object]]:
    """Return some steps of ``digits`` in two dtypes, separately and in lockstep.

    Raises:
        NumleanError: The two differ, so a crosscheck would end early.
    """
    task = get_task("digits")
    config, data = task.config(steps=STEPS[way]), task.load().train
    specs = [RunSpec.parse(f"{dtype}:{way}") for dtype in dtypes]

    def alone() -> None:
        for spec in specs:
            run_steps(spec.runner(task.task), config, data)

    def lockstep() -> None:
        result = crosscheck(task, *specs, config=config, data=data)
        if not result.identical:
            step = result.pairs[0].first_different_step
            raise NumleanError(
                f"{' and '.join(dtypes)} diverge at step {step}; choose two dtypes that agree"
            )

    return {"alone": alone, "lockstep": lockstep}
