"""Tasks by name: a model, a loss, real data and settings under which it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Final

from numlean.data import Dataset
from numlean.errors import UnknownNameError
from numlean.optim import Optimizer, OptimizerKind, sgd
from numlean.scalar.protocol import Scalar
from numlean.training.config import TrainConfig
from numlean.training.task import Task


@dataclass(frozen=True)
class Split:
    """Data to train on, and data to test on; the latter may be empty."""

    train: Dataset
    test: Dataset


@dataclass(frozen=True)
class NamedTask:
    """A task that a user can name.

    Attributes:
        name: The name.
        summary: One line about it.
        task: The model and the loss.
        load: Reads or makes the data; the same on every machine.
        steps: How many updates it takes by default.
        batch_size: Samples an update by default.
        lr: The default learning rate.
        momentum: The default momentum.
        optim: The default optimizer, by the name of its ``OptimizerKind``.
        is_classification: Whether targets are classes, so that there is an accuracy.
        on_text: Makes the same task of another text; None if it is of none.
        enter: Makes of the data what a Scalar's own operations make of it; None leaves it binary64.
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

    def config(self, *, steps: int | None = None, seed: int = 0) -> TrainConfig:
        """How it is trained by default, or for so many steps, in an order that a seed names."""
        kind = OptimizerKind.parse(self.optim)
        optimizer: Optimizer = kind.to_optimizer(self.lr)
        if kind is OptimizerKind.SGD:
            optimizer = sgd(self.lr, self.momentum)
        count = self.steps if steps is None else steps
        return TrainConfig(count, self.batch_size, optimizer, seed=seed)

    def load_for(self, scalar: Scalar) -> Split:
        """The data as a run in an arithmetic takes it."""
        split = self.load()
        return split if self.preprocess is None else self.preprocess(split, scalar)

    def train_data_for(self, scalar: Scalar) -> Dataset:
        """The data to train on, as a run in an arithmetic takes them."""
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
    """The names of all tasks, sorted."""
    return tuple(sorted(_MODULES))


@cache
def get_task(name: str) -> NamedTask:
    """The task of that name.

    Raises:
        UnknownNameError: There is no such task; the message lists them.
    """
    if name not in _MODULES:
        raise UnknownNameError("task", name, task_names())
    task: NamedTask = import_module(_MODULES[name]).TASK
    return task
