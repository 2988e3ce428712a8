"""Optimizers, gradient clipping and learning-rate schedules."""

from numlean.optim.clipping import (
    ClipByNorm,
    ClipByValue,
    clip_by_norm,
    clip_by_value,
    global_norm,
)
from numlean.optim.descent import SGD, momentum_sgd, sgd
from numlean.optim.kind import OptimizerKind
from numlean.optim.moments import Adam, AdamW, adam, adamw
from numlean.optim.optimizer import Cast, Optimizer, State, check_rate, zeros_like

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Cast",
    "ClipByNorm",
    "ClipByValue",
    "Optimizer",
    "OptimizerKind",
    "State",
    "adam",
    "adamw",
    "check_rate",
    "clip_by_norm",
    "clip_by_value",
    "global_norm",
    "momentum_sgd",
    "sgd",
    "zeros_like",
]
