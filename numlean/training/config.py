"""For how long, in which portions and by which rule to train."""

from __future__ import annotations

from dataclasses import dataclass, replace

from numlean.errors import NumleanError
from numlean.optim import Optimizer, schedules, sgd
from numlean.optim.schedules import Schedule


@dataclass(frozen=True)
class TrainConfig:
    """A training counted in steps.

    Attributes:
        steps: Steps to make.
        batch_size: Samples a step.
        optimizer: The rule of the updates.
        scheduler: The learning rate by step, or None for the optimizer's.
        log_every: Steps whose number, from 0, is a multiple of it are logged; 0 logs none.
        seed: Names the order of the samples, where they are shuffled.

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
        """The learning rate of a step: the scheduler's if there is one, else the optimizer's."""
        return self.optimizer_lr if self.scheduler is None else self.scheduler(step)

    def logs(self, step: int) -> bool:
        """Whether a step is logged."""
        return _is_logged(step, self.log_every)

    def with_scheduler(self, scheduler: Schedule | None) -> TrainConfig:
        """The same with another learning rate by step."""
        return replace(self, scheduler=scheduler)

    def constant_lr(self, lr: float) -> TrainConfig:
        """The same with a learning rate that stays; see :func:`.schedules.constant`."""
        return self.with_scheduler(schedules.constant(lr))

    def step_lr(self, base: float, size: int, gamma: float = 0.1) -> TrainConfig:
        """The same with one that falls by stairs; see :func:`.schedules.step`."""
        return self.with_scheduler(schedules.step(base, size, gamma))

    def exponential_lr(self, base: float, gamma: float) -> TrainConfig:
        """The same with one that falls at each step; see :func:`.schedules.exponential`."""
        return self.with_scheduler(schedules.exponential(base, gamma))

    def cosine_lr(self, base: float, *, final: float = 0.0) -> TrainConfig:
        """The same with half a wave over all steps; see :func:`.schedules.cosine`."""
        return self.with_scheduler(schedules.cosine(base, max(self.steps, 1), final=final))

    def warmup(self, length: int) -> TrainConfig:
        """The same after a straight rise; see :func:`.schedules.linear_warmup`."""
        then = self.scheduler or schedules.constant(self.optimizer_lr)
        return self.with_scheduler(schedules.linear_warmup(length, then))


@dataclass(frozen=True)
class LoaderTrainConfig:
    """A training counted in epochs of a loader.

    Attributes:
        epochs: How often to go through the loader's samples.
        optimizer: The rule of the updates.
        scheduler: The learning rate by epoch, or None for the optimizer's.
        log_every: Epochs whose number, from 0, is a multiple of it are logged; 0 logs none.

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
        """The learning rate of an epoch: the scheduler's if there is one, else the optimizer's."""
        return self.optimizer_lr if self.scheduler is None else self.scheduler(epoch)

    def logs(self, epoch: int) -> bool:
        """Whether an epoch is logged."""
        return _is_logged(epoch, self.log_every)

    def with_epoch_scheduler(self, scheduler: Schedule | None) -> LoaderTrainConfig:
        """The same with another learning rate by epoch."""
        return replace(self, scheduler=scheduler)

    def constant_epoch_lr(self, lr: float) -> LoaderTrainConfig:
        """The same with a learning rate that stays; see :func:`.schedules.constant`."""
        return self.with_epoch_scheduler(schedules.constant(lr))

    def step_epoch_lr(self, base: float, size: int, gamma: float = 0.1) -> LoaderTrainConfig:
        """The same with one that falls by stairs; see :func:`.schedules.step`."""
        return self.with_epoch_scheduler(schedules.step(base, size, gamma))

    def exponential_epoch_lr(self, base: float, gamma: float) -> LoaderTrainConfig:
        """The same with one that falls each epoch; see :func:`.schedules.exponential`."""
        return self.with_epoch_scheduler(schedules.exponential(base, gamma))

    def cosine_epoch_lr(self, base: float, *, final: float = 0.0) -> LoaderTrainConfig:
        """The same with half a wave over all epochs; see :func:`.schedules.cosine`."""
        return self.with_epoch_scheduler(schedules.cosine(base, max(self.epochs, 1), final=final))

    def epoch_warmup(self, length: int) -> LoaderTrainConfig:
        """The same after a straight rise; see :func:`.schedules.linear_warmup`."""
        then = self.scheduler or schedules.constant(self.optimizer_lr)
        return self.with_epoch_scheduler(schedules.linear_warmup(length, then))


def steps(
    n: int,
    *,
    batch_size: int = 1,
    optimizer: Optimizer = sgd(0.01),
    scheduler: Schedule | None = None,
    log_every: int = 1,
    seed: int = 0,
) -> TrainConfig:
    """A training of n steps."""
    return TrainConfig(n, batch_size, optimizer, scheduler, log_every, seed)


def epochs(
    n: int,
    *,
    optimizer: Optimizer = sgd(0.01),
    scheduler: Schedule | None = None,
    log_every: int = 1,
) -> LoaderTrainConfig:
    """A training of n epochs."""
    return LoaderTrainConfig(n, optimizer, scheduler, log_every)


def _is_logged(number: int, log_every: int) -> bool:
    return log_every != 0 and number % log_every == 0


def _check_count(what: str, count: int) -> None:
    if count < 0:
        raise NumleanError(f"{what} is not negative: {count}")
