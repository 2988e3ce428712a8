"""Optimizers and schedules as text and plain data: every hyperparameter in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from numlean.arguments import checked
from numlean.optim.clipping import ClipByNorm, Clipping
from numlean.optim.optimizer import Optimizer
from numlean.optim.scaled_loss import LossScaled
from numlean.optim.schedules import Schedule


@checked
def hyperparameters_of(optimizer: Optimizer, scheduler: Schedule | None = None) -> dict[str, Any]:
    """Return every hyperparameter by name: class, rates, limits of gradients, schedule.

    A limit is ``clip_norm`` or ``clip_value``; with several, the outermost one comes first. Loss
    scaling is a text. The schedule is in Python's notation, or None. An optimizer that is not a
    dataclass has its lr.
    """
    limits: dict[str, Any] = {}
    inner = optimizer
    if isinstance(inner, LossScaled):
        limits["loss_scaling"] = str(inner.scaling)
        inner = inner.optimizer
    while isinstance(inner, Clipping):
        name = "clip_norm" if isinstance(inner, ClipByNorm) else "clip_value"
        limits[name] = inner.limit
        inner = inner.optimizer
    own = _fields(inner) if is_dataclass(inner) else {"lr": inner.lr}
    schedule = None if scheduler is None else repr(scheduler)
    return {"optimizer": type(inner).__name__, **own, **limits, "schedule": schedule}


@checked
def format_hyperparameters(own: Mapping[str, Any]) -> str:
    """Return hyperparameters in one line, such as ``Adam, lr 0.01, beta1 0.9, ...``."""
    shown = (
        str(value) if key == "optimizer" else f"{key} {'constant' if value is None else value}"
        for key, value in own.items()
    )
    return ", ".join(shown)


def _fields(optimizer: Any) -> dict[str, Any]:
    return {each.name: getattr(optimizer, each.name) for each in fields(optimizer)}
