"""Losses: the distance between predictions and targets, as one number."""

from numlean.losses._cross_entropy import (
    IGNORED,
    CrossEntropy,
    CrossEntropyOneHot,
    NegativeLogLikelihoodOneHot,
    cross_entropy,
    cross_entropy_one_hot,
    nll_one_hot,
)
from numlean.losses.binary import (
    BinaryCrossEntropy,
    BinaryCrossEntropyWithLogits,
    bce,
    bce_with_logits,
)
from numlean.losses.loss import Loss, Reduction
from numlean.losses.squared_error import MeanSquaredError, mse

__all__ = [
    "IGNORED",
    "BinaryCrossEntropy",
    "BinaryCrossEntropyWithLogits",
    "CrossEntropy",
    "CrossEntropyOneHot",
    "Loss",
    "MeanSquaredError",
    "NegativeLogLikelihoodOneHot",
    "Reduction",
    "bce",
    "bce_with_logits",
    "cross_entropy",
    "cross_entropy_one_hot",
    "mse",
    "nll_one_hot",
]
