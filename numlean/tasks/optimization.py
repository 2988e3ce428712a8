"""Optimizer, gradient clipping and learning-rate schedule, as a recipe requests them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from numlean.errors import NumleanError, UnknownNameError
from numlean.optim import AdamW, Optimizer, OptimizerKind, clip_by_norm, clip_by_value, sgd
from numlean.optim.schedules import Schedule, constant, cosine, exponential, linear_warmup, step
from numlean.tasks.named import NamedTask

OPTIMIZERS: Final = tuple(kind.value for kind in OptimizerKind)
SCHEDULES: Final = ("constant", "step", "exponential", "cosine")

_RATES: Final = {"sgd": 0.05, "adam": 0.01, "adamw": 0.01}
"""Learning rates for an optimizer that is not the task's own, if the user gives none."""
_MOMENTUM: Final = 0.9
_GAMMA: Final = 0.1
_DECAYS: Final = 3
"""The number of equal parts into which ``step`` divides a run by default."""


@dataclass(frozen=True)
class OptimizerChoice:
    """An optimizer; None stands for the task's default.

    Attributes:
        name: One of ``OPTIMIZERS``.
        lr: The learning rate.
        momentum: The momentum, for sgd.
        nesterov: Whether to use Nesterov momentum, for sgd.
        weight_decay: The weight decay, for sgd (default: 0) and adamw (default: 0.1).

    Raises:
        UnknownNameError: The optimizer is unknown.
    """

    name: str | None = None
    lr: float | None = None
    momentum: float | None = None
    nesterov: bool = False
    weight_decay: float | None = None

    def __post_init__(self) -> None:
        if self.name is not None:
            OptimizerKind.parse(self.name)

    def resolve(self, task: NamedTask) -> Optimizer:
        """Return the optimizer, with the task's defaults filled in.

        Raises:
            NumleanError: A value is out of range, or the optimizer does not have it.
        """
        kind = OptimizerKind.parse(self.name or task.optim)
        lr = self._learning_rate(kind, task)
        if kind is not OptimizerKind.SGD:
            return self._with_decay(kind.to_optimizer(lr))
        momentum = self.momentum
        if momentum is None:
            momentum = task.momentum if kind.value == task.optim else _MOMENTUM
        if self.nesterov and momentum == 0.0:
            raise NumleanError("--nesterov needs --momentum above 0")
        decay = self.weight_decay or 0.0
        return sgd(lr, momentum, nesterov=self.nesterov, weight_decay=decay)

    def _learning_rate(self, kind: OptimizerKind, task: NamedTask) -> float:
        if self.lr is not None:
            return self.lr
        return task.lr if kind.value == task.optim else _RATES[kind.value]

    def _with_decay(self, optimizer: Optimizer) -> Optimizer:
        if self.momentum is not None:
            raise NumleanError("--momentum is only for --optim sgd")
        if self.nesterov:
            raise NumleanError("--nesterov is only for --optim sgd")
        if self.weight_decay is None:
            return optimizer
        if not isinstance(optimizer, AdamW):
            raise NumleanError("--weight-decay is only for --optim sgd and adamw, not adam")
        return replace(optimizer, weight_decay=self.weight_decay)


@dataclass(frozen=True)
class Clip:
    """A limit for gradients: of their global norm, or of each one's magnitude.

    Raises:
        NumleanError: Both limits are given, or neither.
    """

    norm: float | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        if (self.norm is None) == (self.value is None):
            raise NumleanError("give either --clip-norm or --clip-value, not both")

    def apply(self, optimizer: Optimizer) -> Optimizer:
        """Return the optimizer with its gradients clipped."""
        if self.norm is not None:
            return clip_by_norm(optimizer, self.norm)
        assert self.value is not None
        return clip_by_value(optimizer, self.value)


@dataclass(frozen=True)
class ScheduleChoice:
    """A learning-rate schedule; None stands for the schedule's default.

    Attributes:
        name: One of ``SCHEDULES``; None for a constant rate.
        step_size: Steps between decays, for step (default: a third of the run).
        gamma: The decay factor, for step (default: 0.1) and exponential.
        final_lr: The last learning rate, for cosine (default: 0).
        warmup: Steps of a linear rise before the schedule.

    Raises:
        NumleanError: The schedule is unknown, or does not have a value that is given.
    """

    name: str | None = None
    step_size: int | None = None
    gamma: float | None = None
    final_lr: float | None = None
    warmup: int | None = None

    def __post_init__(self) -> None:
        if self.name is not None and self.name not in SCHEDULES:
            raise UnknownNameError("schedule", self.name, SCHEDULES)
        if self.step_size is not None and self.name != "step":
            raise NumleanError("--step-size is only for --schedule step")
        if self.gamma is not None and self.name not in ("step", "exponential"):
            raise NumleanError("--gamma is only for --schedule step or exponential")
        if self.gamma is None and self.name == "exponential":
            raise NumleanError("--schedule exponential needs --gamma, such as 0.99")
        if self.final_lr is not None and self.name != "cosine":
            raise NumleanError("--final-lr is only for --schedule cosine")

    def resolve(self, lr: float, steps: int) -> Schedule | None:
        """Return the schedule of a run; None if the learning rate is constant.

        Raises:
            NumleanError: A value is out of range.
        """
        warmup = self.warmup or 0
        if warmup > steps:
            raise NumleanError(f"--warmup {warmup} is longer than the run of {steps} steps")
        if self.warmup is None and self.name in (None, "constant"):
            return None
        schedule = self._after_warmup(lr, steps - warmup)
        return schedule if self.warmup is None else linear_warmup(warmup, schedule)

    def _after_warmup(self, lr: float, length: int) -> Schedule:
        gamma = _GAMMA if self.gamma is None else self.gamma
        match self.name:
            case "step":
                size = max(length // _DECAYS, 1) if self.step_size is None else self.step_size
                return step(lr, size, gamma)
            case "exponential":
                return exponential(lr, gamma)
            case "cosine":
                return cosine(lr, max(length, 1), final=self.final_lr or 0.0)
        return constant(lr)
