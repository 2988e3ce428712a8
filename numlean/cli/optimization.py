"""The options that say by which rule parameters are updated, and the rule."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Final

from numlean.errors import NumleanError
from numlean.optim import (
    AdamW,
    Optimizer,
    OptimizerKind,
    clip_by_norm,
    clip_by_value,
    sgd,
)
from numlean.optim.schedules import Schedule, constant, cosine, exponential, linear_warmup, step
from numlean.tasks import NamedTask

_OPTIMIZERS: Final = tuple(kind.value for kind in OptimizerKind)
_SCHEDULES: Final = ("constant", "step", "exponential", "cosine")
_RATES: Final = {"sgd": 0.05, "adam": 0.01, "adamw": 0.01}
"""Learning rates where neither the user nor the task names one for the optimizer."""
_MOMENTUM: Final = 0.9
_GAMMA: Final = 0.1
_STAIRS: Final = 3


def add_optimization_options(parser: argparse.ArgumentParser) -> None:
    """The optimizer, the schedule of its learning rate, and what limits gradients."""
    group = parser.add_argument_group("optimization")
    group.add_argument("--optim", metavar="NAME", help=f"{', '.join(_OPTIMIZERS)}: else the task's")
    group.add_argument("--lr", type=float, metavar="X", help="learning rate")
    group.add_argument("--momentum", type=float, metavar="M", help="of sgd: else the task's")
    group.add_argument("--nesterov", action="store_true", help="of sgd: Nesterov's momentum")
    group.add_argument(
        "--weight-decay", type=float, metavar="W", help="of sgd (0) or adamw (0.1, decoupled)"
    )
    group.add_argument(
        "--schedule",
        metavar="NAME",
        help=f"of the learning rate: {', '.join(_SCHEDULES)}; default {_SCHEDULES[0]}",
    )
    group.add_argument(
        "--step-size", type=int, metavar="N", help="of step: how long each lasts (a third)"
    )
    group.add_argument(
        "--gamma", type=float, metavar="G", help="of step (0.1), exponential: the factor"
    )
    group.add_argument(
        "--final-lr", type=float, metavar="X", help="of cosine: the rate it ends at (0)"
    )
    group.add_argument(
        "--warmup", type=int, metavar="N", help="steps of a linear rise before the schedule"
    )
    group.add_argument("--clip-norm", type=float, metavar="L", help="limit of the gradient's norm")
    group.add_argument("--clip-value", type=float, metavar="L", help="limit of each gradient")


def optimizer_of(arguments: argparse.Namespace, task: NamedTask) -> Optimizer:
    """The optimizer asked for, the task's defaults filled in.

    Raises:
        NumleanError: There is no such optimizer, or options do not go together.
    """
    kind = OptimizerKind.parse(arguments.optim or task.optim)
    is_tasks_own = kind.value == task.optim
    lr = arguments.lr
    if lr is None:
        lr = task.lr if is_tasks_own else _RATES[kind.value]
    if kind is not OptimizerKind.SGD:
        optimizer = _with_decay(arguments, kind.to_optimizer(lr))
    else:
        momentum = arguments.momentum
        if momentum is None:
            momentum = task.momentum if is_tasks_own else _MOMENTUM
        if arguments.nesterov and momentum == 0.0:
            raise NumleanError("--nesterov needs --momentum above 0")
        decay = arguments.weight_decay or 0.0
        optimizer = sgd(lr, momentum, nesterov=arguments.nesterov, weight_decay=decay)
    return _clipped(arguments, optimizer)


def scheduler_of(arguments: argparse.Namespace, lr: float, steps: int) -> Schedule | None:
    """The schedule asked for; None if the learning rate stays.

    Raises:
        NumleanError: There is no such schedule, or options do not go together.
    """
    name = arguments.schedule or _SCHEDULES[0]
    if name not in _SCHEDULES:
        raise NumleanError(f"unknown schedule {name!r}; known: {', '.join(_SCHEDULES)}")
    if arguments.step_size is not None and name != "step":
        raise NumleanError("--step-size belongs to --schedule step")
    if arguments.gamma is not None and name not in ("step", "exponential"):
        raise NumleanError("--gamma belongs to --schedule step or exponential")
    if arguments.final_lr is not None and name != "cosine":
        raise NumleanError("--final-lr belongs to --schedule cosine")
    warmup = arguments.warmup or 0
    if warmup > steps:
        raise NumleanError(f"--warmup {warmup} is longer than the run: {steps} steps")
    schedule = _schedule(arguments, name, lr, steps - warmup)
    if arguments.warmup is not None:
        return linear_warmup(warmup, schedule)
    return None if name == "constant" else schedule


def inner_optimizer(optimizer: Optimizer) -> Optimizer:
    """The optimizer that is left smaller gradients, if it is one that clips; else itself."""
    inner: Optimizer = getattr(optimizer, "optimizer", optimizer)
    return inner


def _schedule(arguments: argparse.Namespace, name: str, lr: float, length: int) -> Schedule:
    gamma = arguments.gamma
    if name == "step":
        size = arguments.step_size
        stair = max(length // _STAIRS, 1) if size is None else size
        return step(lr, stair, _GAMMA if gamma is None else gamma)
    if name == "exponential":
        if gamma is None:
            raise NumleanError("--schedule exponential also takes --gamma, such as 0.99")
        return exponential(lr, gamma)
    if name == "cosine":
        return cosine(lr, max(length, 1), final=arguments.final_lr or 0.0)
    return constant(lr)


def _with_decay(arguments: argparse.Namespace, optimizer: Optimizer) -> Optimizer:
    if arguments.momentum is not None:
        raise NumleanError("--momentum belongs to --optim sgd")
    if arguments.nesterov:
        raise NumleanError("--nesterov belongs to --optim sgd")
    if arguments.weight_decay is None:
        return optimizer
    if not isinstance(optimizer, AdamW):
        raise NumleanError("--weight-decay belongs to --optim sgd or adamw, not adam")
    return replace(optimizer, weight_decay=arguments.weight_decay)


def _clipped(arguments: argparse.Namespace, optimizer: Optimizer) -> Optimizer:
    if arguments.clip_norm is not None and arguments.clip_value is not None:
        raise NumleanError("either --clip-norm or --clip-value, not both")
    if arguments.clip_norm is not None:
        return clip_by_norm(optimizer, arguments.clip_norm)
    if arguments.clip_value is not None:
        return clip_by_value(optimizer, arguments.clip_value)
    return optimizer
