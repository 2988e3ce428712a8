"""Optimizer, gradient clipping and learning-rate schedule, as a recipe requests them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from numlean.errors import NumleanError, UnknownNameError
from numlean.optim import OPTIMIZERS, Optimizer, OptimizerKind, clip_by_norm, clip_by_value
from numlean.optim.hyperparameters import Value, optimizers_with
from numlean.optim.schedules import Schedule, constant, cosine, exponential, linear_warmup, step
from numlean.tasks.named import NamedTask

SCHEDULES: Final = ("constant", "step", "exponential", "cosine")

_OPTIONS: Final = {
    each.name: each.option for row in OPTIMIZERS.values() for each in row.hyperparameters
}
_GAMMA: Final = 0.1
_DECAYS: Final = 3
"""The number of equal parts into which ``step`` divides a run by default."""


@dataclass(frozen=True)
class OptimizerChoice:
    """An optimizer; None stands for the default of the task, or of ``--optim``.

    Attributes:
        name: One of ``OPTIMIZERS``.
        lr: The learning rate.
        momentum: The momentum, for sgd.
        nesterov: Whether to use Nesterov momentum, for sgd.
        weight_decay: The weight decay, for sgd and adamw.
        beta1: The decay of the first moment, for adam and adamw.
        beta2: The decay of the second moment, for adam and adamw.
        epsilon: Added to the root of the second moment, for adam and adamw.

    Raises:
        UnknownNameError: The optimizer is unknown.
    """

    name: str | None = None
    lr: float | None = None
    momentum: float | None = None
    nesterov: bool = False
    weight_decay: float | None = None
    beta1: float | None = None
    beta2: float | None = None
    epsilon: float | None = None

    def __post_init__(self) -> None:
        if self.name is not None:
            OptimizerKind.parse(self.name)

    def resolve(self, task: NamedTask) -> Optimizer:
        """Return the optimizer, with the defaults filled in.

        Raises:
            NumleanError: A value is out of range, or the optimizer does not have it.
        """
        kind = OptimizerKind.parse(self.name or task.optim)
        is_own = kind.value == task.optim
        values = kind.table.defaults("command")
        if is_own and "momentum" in values:
            values["momentum"] = task.momentum
        values |= self._given(kind)
        if values.get("nesterov") and values["momentum"] == 0.0:
            raise NumleanError("--nesterov needs --momentum above 0")
        lr = self.lr
        if lr is None:
            lr = task.lr if is_own else kind.table.lr
        return kind.make(lr, **values)

    def _given(self, kind: OptimizerKind) -> dict[str, Value]:
        """Return the hyperparameters that are given, by name."""
        given: dict[str, Value] = {}
        for name, option in _OPTIONS.items():
            value = getattr(self, name)
            if value is None or value is False:
                continue
            if name not in kind.table.defaults("command"):
                known = " and ".join(optimizers_with(name))
                raise NumleanError(f"--{option} is only for --optim {known}, not {kind.value}")
            given[name] = value
        return given


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
        length: Steps that the schedule is made for, warm-up included (default: those of the run).

    Raises:
        NumleanError: The schedule is unknown, or does not have a value that is given.
    """

    name: str | None = None
    step_size: int | None = None
    gamma: float | None = None
    final_lr: float | None = None
    warmup: int | None = None
    length: int | None = None

    def __post_init__(self) -> None:
        if self.name is not None and self.name not in SCHEDULES:
            raise UnknownNameError("schedule", self.name, SCHEDULES)
        if self.length is not None and self.name not in ("step", "cosine"):
            raise NumleanError("--schedule-length is only for --schedule step or cosine")
        if self.length is not None and self.step_size is not None:
            raise NumleanError("give either --step-size or --schedule-length, not both")
        if self.length is not None and self.length < 1:
            raise NumleanError(f"--schedule-length must be at least 1, got {self.length}")
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
        length = steps if self.length is None else self.length
        if warmup > length:
            raise NumleanError(f"--warmup {warmup} is longer than --schedule-length {length}")
        if self.warmup is None and self.name in (None, "constant"):
            return None
        schedule = self._after_warmup(lr, length - warmup)
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
