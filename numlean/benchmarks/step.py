"""A step of training."""

from __future__ import annotations

from collections.abc import Callable

from numlean.analysis.lockstep import RunSpec
from numlean.optim import sgd
from numlean.tasks import NamedTask
from numlean.training import Stepper


def training_step(task: NamedTask, arithmetic: str) -> Callable[[], object]:
    """Return one update of a task with its own optimizer, always on the same batch.

    Args:
        task: The task.
        arithmetic: A dtype, or a policy as ``policy:POLICY``.
    """
    runner = RunSpec.parse(arithmetic).runner(task.task)
    stepper = Stepper(runner, sgd(task.lr, task.momentum))
    batch = task.load().train.batch(range(task.batch_size))
    return lambda: stepper.step(batch)
