"""Training configurations: number of steps or epochs, batch size, optimizer, schedule, logging."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from numlean.arguments import checked
from numlean.errors import NumleanError
from numlean.optim import (
    Optimizer,
    format_hyperparameters,
    hyperparameters_of,
    schedules,
    sgd,
)
from numlean.optim.schedules import Schedule

MOST_STEPS: Final = 2**63 - 1
"""The greatest number of steps, epochs or samples that a configuration can have."""


@checked
@dataclass(frozen=True)
class TrainConfig:
    """The configuration of a training counted in steps.

    Attributes:
        steps: The number of steps.
        batch_size: The number of samples per step.
        optimizer: The optimizer.
        scheduler: The learning rate by step; None uses the optimizer's.
        log_every: Log the steps, counted from 0, that are multiples of this number; 0 logs none.
        seed: The seed of the samples' order, where they are shuffled.

    Raises:
        NumleanError: A count is negative.
    """

    steps: int
    batch_size: int = 1
    optimizer: Optimizer = sgd(0.01)
    scheduler: Schedule | None = None
    log_every: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        _check_count("the number of steps", self.steps)
        _check_count("the batch size", self.batch_size)
        _check_count("log_every", self.log_every)

    @property
    def optimizer_lr(self) -> float:
        """The optimizer's learning rate."""
        return self.optimizer.lr

    def lr_at(self, step: int) -> float:
        """Return the learning rate of a step: the scheduler's, or else the optimizer's."""
        return self.optimizer_lr if self.scheduler is None else self.scheduler(step)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Every hyperparameter in force, by name; see :func:`numlean.optim.hyperparameters_of`."""
        counts = {"steps": self.steps, "batch_size": self.batch_size, "seed": self.seed}
        return {**hyperparameters_of(self.optimizer, self.scheduler), **counts}

    def describe(self) -> str:
        """Return every hyperparameter in force in one line."""
        return format_hyperparameters(self.hyperparameters)

    def logs(self, step: int) -> bool:
        """Return whether a step is logged."""
        return _is_logged(step, self.log_every)

    def with_scheduler(self, scheduler: Schedule | None) -> TrainConfig:
        """Return a copy with another learning rate by step; None uses the optimizer's."""
        return replace(self, scheduler=scheduler)

    def constant_lr(self, lr: float) -> TrainConfig:
        """Return a copy with a constant learning rate; see :func:`.schedules.constant`."""
        return self.with_scheduler(schedules.constant(lr))

    def step_lr(self, base: float, size: int, gamma: float = 0.1) -> TrainConfig:
        """Return a copy whose learning rate decays in steps; see :func:`.schedules.step`."""
        return self.with_scheduler(schedules.step(base, size, gamma))

    def exponential_lr(self, base: float, gamma: float) -> TrainConfig:
        """Return a copy with exponential decay by step; see :func:`.schedules.exponential`."""
        return self.with_scheduler(schedules.exponential(base, gamma))

    def cosine_lr(self, base: float, *, final: float = 0.0) -> TrainConfig:
        """Return a copy with cosine decay over all steps; see :func:`.schedules.cosine`."""
        return self.with_scheduler(schedules.cosine(base, max(self.steps, 1), final=final))

    def warmup(self, length: int) -> TrainConfig:
        """Return a copy with linear warmup; see :func:`.schedules.linear_warmup`."""
        then = self.scheduler or schedules.constant(self.optimizer_lr)
        return self.with_scheduler(schedules.linear_warmup(length, then))


@checked
@dataclass(frozen=True)
class LoaderTrainConfig:
    """The configuration of a training counted in epochs of a loader.

    Attributes:
        epochs: The number of passes over the loader's samples.
        optimizer: The optimizer.
        scheduler: The learning rate by epoch; None uses the optimizer's.
        log_every: Log the epochs, counted from 0, that are multiples of this number; 0 logs none.

    Raises:
        NumleanError: A count is negative.
    """

    epochs: int
    optimizer: Optimizer = sgd(0.01)
    scheduler: Schedule | None = None
    log_every: int = 1

    def __post_init__(self) -> None:
        _check_count("the number of epochs", self.epochs)
        _check_count("log_every", self.log_every)

    @property
    def optimizer_lr(self) -> float:
        """The optimizer's learning rate."""
        return self.optimizer.lr

    def lr_at(self, epoch: int) -> float:
        """Return the learning rate of an epoch: the scheduler's, or else the optimizer's."""
        return self.optimizer_lr if self.scheduler is None else self.scheduler(epoch)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Every hyperparameter in force, by name; see :func:`numlean.optim.hyperparameters_of`."""
        return {**hyperparameters_of(self.optimizer, self.scheduler), "epochs": self.epochs}

    def describe(self) -> str:
        """Return every hyperparameter in force in one line."""
        return format_hyperparameters(self.hyperparameters)

    def logs(self, epoch: int) -> bool:
        """Return whether an epoch is logged."""
        return _is_logged(epoch, self.log_every)

    def with_epoch_scheduler(self, scheduler: Schedule | None) -> LoaderTrainConfig:
        """Return a copy with another learning rate by epoch; None uses the optimizer's."""
        return replace(self, scheduler=scheduler)

    def constant_epoch_lr(self, lr: float) -> LoaderTrainConfig:
        """Return a copy with a constant learning rate; see :func:`.schedules.constant`."""
        return self.with_epoch_scheduler(schedules.constant(lr))

    def step_epoch_lr(self, base: float, size: int, gamma: float = 0.1) -> LoaderTrainConfig:
        """Return a copy whose learning rate decays in steps; see :func:`.schedules.step`."""
        return self.with_epoch_scheduler(schedules.step(base, size, gamma))

    def exponential_epoch_lr(self, base: float, gamma: float) -> LoaderTrainConfig:
        """Return a copy with exponential decay by epoch; see :func:`.schedules.exponential`."""
        return self.with_epoch_scheduler(schedules.exponential(base, gamma))

    def cosine_epoch_lr(self, base: float, *, final: float = 0.0) -> LoaderTrainConfig:
        """Return a copy with cosine decay over all epochs; see :func:`.schedules.cosine`."""
        return self.with_epoch_scheduler(schedules.cosine(base, max(self.epochs, 1), final=final))

    def epoch_warmup(self, length: int) -> LoaderTrainConfig:
        """Return a copy with linear warmup; see :func:`.schedules.linear_warmup`."""
        then = self.scheduler or schedules.constant(self.optimizer_lr)
        return self.with_epoch_scheduler(schedules.linear_warmup(length, then))


@checked
def steps(
    n: int,
    *,
    batch_size: int = 1,
    optimizer: Optimizer = sgd(0.01),
    scheduler: Schedule | None = None,
    log_every: int = 1,
    seed: int = 0,
) -> TrainConfig:
    """Return the configuration of a training of n steps."""
    return TrainConfig(n, batch_size, optimizer, scheduler, log_every, seed)


@checked
def epochs(
    n: int,
    *,
    optimizer: Optimizer = sgd(0.01),
    scheduler: Schedule | None = None,
    log_every: int = 1,
) -> LoaderTrainConfig:
    """Return the configuration of a training of n epochs."""
    return LoaderTrainConfig(n, optimizer, scheduler, log_every)


def _is_logged(number: int, log_every: int) -> bool:
    return log_every != 0 and number % log_every == 0


def _check_count(what: str, count: int) -> None:
    if count < 0:
        raise NumleanError(f"{what} must not be negative, got {count}")
    if count > MOST_STEPS:
        raise NumleanError(f"{what} must be at most {MOST_STEPS}, got {count}")
