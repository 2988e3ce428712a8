"""Named tasks: a model, a loss, data, and settings with which the model learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from typing import Any, Final

from numlean.arguments import checked
from numlean.data import Dataset
from numlean.errors import UnknownNameError
from numlean.optim import Optimizer, OptimizerKind, sgd
from numlean.scalar.protocol import Scalar
from numlean.training.config import TrainConfig
from numlean.training.task import Task


@dataclass(frozen=True)
class Split:
    """Training data, and test data, which may be empty."""

    train: Dataset
    test: Dataset


@checked
@dataclass(frozen=True)
class NamedTask:
    """A task with a name, data and default settings.

    Attributes:
        name: The name.
        summary: A description in one line.
        task: The model and the loss.
        load: Function that returns the data, the same on every machine.
        steps: The default number of updates.
        batch_size: The default number of samples per update.
        lr: The default learning rate.
        momentum: The default momentum.
        optim: The default optimizer, as ``OptimizerKind.parse`` takes it.
        is_classification: Whether targets are classes, so that an accuracy is reported.
        on_text: Function that returns the same task for another text; None if it is not a task of
            texts.
        preprocess: Function that prepares the data with a Scalar's own operations; None leaves them
            in binary64.
    """

    name: str
    summary: str
    task: Task
    load: Callable[[], Split]
    steps: int
    batch_size: int
    lr: float
    momentum: float
    is_classification: bool
    optim: str = "sgd"
    on_text: Callable[[str], NamedTask] | None = None
    preprocess: Callable[[Split, Scalar], Split] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the name of a task that numlean has; the fields of any other."""
        if self.name in _MODULES and get_task(self.name) is self:
            return get_task, (self.name,)
        return NamedTask, tuple(getattr(self, field.name) for field in fields(self))

    def config(self, *, steps: int | None = None, seed: int = 0) -> TrainConfig:
        """Return the default training configuration, with other steps or another seed."""
        kind = OptimizerKind.parse(self.optim)
        optimizer: Optimizer = kind.to_optimizer(self.lr)
        if kind is OptimizerKind.SGD:
            optimizer = sgd(self.lr, self.momentum)
        count = self.steps if steps is None else steps
        return TrainConfig(count, self.batch_size, optimizer, seed=seed)

    def load_for(self, scalar: Scalar) -> Split:
        """Return the data for a run in this Scalar."""
        split = self.load()
        return split if self.preprocess is None else self.preprocess(split, scalar)

    def train_data_for(self, scalar: Scalar) -> Dataset:
        """Return the training data for a run in this Scalar."""
        return self.load_for(scalar).train


_MODULES: Final = {
    "breast-cancer": "numlean.tasks.breast_cancer",
    "char-rnn": "numlean.tasks.char_rnn",
    "char-transformer": "numlean.tasks.char_transformer",
    "diabetes": "numlean.tasks.diabetes",
    "digits": "numlean.tasks.digits",
    "digits-cnn": "numlean.tasks.digits_cnn",
    "iris": "numlean.tasks.iris",
    "sine": "numlean.tasks.sine",
    "wine": "numlean.tasks.wine",
    "xor": "numlean.tasks.xor",
}


def task_names() -> tuple[str, ...]:
    """Return the names of all tasks, sorted."""
    return tuple(sorted(_MODULES))


@checked
@cache
def get_task(name: str) -> NamedTask:
    """Return the task with this name.

    Raises:
        UnknownNameError: The task is unknown; the message lists all tasks.
    """
    if name not in _MODULES:
        raise UnknownNameError("task", name, task_names())
    task: NamedTask = import_module(_MODULES[name]).TASK
    return task
