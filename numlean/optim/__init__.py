"""Optimizers, gradient clipping and learning-rate schedules."""

from numlean.optim.clipping import (
    ClipByNorm,
    ClipByValue,
    clip_by_norm,
    clip_by_value,
    global_norm,
)
from numlean.optim.descent import SGD, momentum_sgd, sgd
from numlean.optim.description import format_hyperparameters, hyperparameters_of
from numlean.optim.hyperparameters import OPTIMIZERS, Hyperparameter, OptimizerTable
from numlean.optim.kind import OptimizerKind
from numlean.optim.moments import Adam, AdamW, adam, adamw
from numlean.optim.optimizer import Cast, Optimizer, State, check_rate, zeros_like
from numlean.optim.scaled_loss import LossScaled, loss_scaled

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adam",
    "AdamW",
    "Cast",
    "ClipByNorm",
    "ClipByValue",
    "Hyperparameter",
    "LossScaled",
    "Optimizer",
    "OptimizerKind",
    "OptimizerTable",
    "State",
    "adam",
    "adamw",
    "check_rate",
    "clip_by_norm",
    "clip_by_value",
    "format_hyperparameters",
    "global_norm",
    "hyperparameters_of",
    "loss_scaled",
    "momentum_sgd",
    "sgd",
    "zeros_like",
]
