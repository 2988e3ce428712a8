"""Training from beginning to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from numlean.data import Dataset, minibatches
from numlean.errors import NumleanError
from numlean.optim import Optimizer, sgd
from numlean.runtime.runner import Options, Runner, instantiate
from numlean.runtime.stepper import Stepper
from numlean.runtime.task import Task
from numlean.scalar import Scalar
from numlean.tensor import Tensor

OnStep = Callable[[Stepper, Tensor], None]
"""Told after each update of the stepper and the batch's loss before it."""


@dataclass(frozen=True)
class TrainConfig:
    """How long, in which portions and by which rule to train.

    Attributes:
        steps: Updates to make.
        batch_size: Samples an update.
        optimizer: The rule of the updates.
        schedule: The learning rate by step, or None for the optimizer's.
        seed: Names the order of the samples.
    """

    steps: int
    batch_size: int = 1
    optimizer: Optimizer = sgd(0.01)
    schedule: Callable[[int], float] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise NumleanError(f"the number of steps is not negative: {self.steps}")
        if self.batch_size < 1:
            raise NumleanError(f"a batch has at least one sample: batch size {self.batch_size}")


@dataclass(frozen=True)
class TrainReport:
    """What training achieved.

    Attributes:
        before: The mean loss over the training data before the first update.
        after: The same after the last.
    """

    before: Tensor
    after: Tensor


def train_minibatches(
    runner: Runner, config: TrainConfig, dataset: Dataset, *, on_step: OnStep | None = None
) -> TrainReport:
    """Train a runner as ``run_steps`` does, and measure the mean loss before and after."""
    runner.train()
    before = runner.mean_loss(dataset)
    run_steps(runner, config, dataset, on_step=on_step)
    return TrainReport(before, runner.mean_loss(dataset))


def run_steps(
    runner: Runner, config: TrainConfig, dataset: Dataset, *, on_step: OnStep | None = None
) -> Stepper:
    """Update a runner on minibatches, one update each, in an order that the seed names.

    The runner is left in training mode.
    """
    stepper = Stepper(runner, config.optimizer, config.schedule)
    batches = minibatches(dataset, config.batch_size, seed=config.seed)
    for batch in islice(batches, config.steps):
        loss = stepper.step(batch)
        if on_step is not None:
            on_step(stepper, loss)
    return stepper


def train(
    task: Task,
    scalar: Scalar,
    config: TrainConfig,
    dataset: Dataset,
    options: Options | None = None,
    *,
    on_step: OnStep | None = None,
) -> tuple[Runner, TrainReport]:
    """Instantiate a task in an arithmetic and train it on minibatches."""
    runner = instantiate(task, scalar, options)
    return runner, train_minibatches(runner, config, dataset, on_step=on_step)
