"""A step of training."""

from __future__ import annotations

from collections.abc import Callable

from numlean.optim import sgd
from numlean.scalar.registry import get_scalar
from numlean.tasks import NamedTask
from numlean.training import Stepper, instantiate


def training_step(task: NamedTask, dtype: str) -> Callable[[], object]:
    """Return one update of a task with its own optimizer, always on the same batch."""
    runner = instantiate(task.task, get_scalar(dtype))
    stepper = Stepper(runner, sgd(task.lr, task.momentum))
    batch = task.load().train.batch(range(task.batch_size))
    return lambda: stepper.step(batch)
