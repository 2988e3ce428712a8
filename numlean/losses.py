"""Losses: how far predictions are from targets, as one number."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from numlean.errors import ShapeError
from numlean.tensor import Tensor


class Reduction(Enum):
    """What becomes of the elements' losses."""

    MEAN = "mean"
    SUM = "sum"


class Loss(Protocol):
    """A function of predictions and targets of one shape (batch, ...)."""

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of the whole batch: a tensor of shape ().

        Raises:
            ShapeError: The shapes differ.
        """

    def per_sample(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Each sample's own loss, of shape (batch,): bit for bit what a batch of one would give.

        Raises:
            ShapeError: The shapes differ.
        """


@dataclass(frozen=True)
class MeanSquaredError:
    """The squares of prediction - target, summed in C order from +0, divided once if a mean.

    Attributes:
        reduction: The mean over all elements, or their sum.
    """

    reduction: Reduction = Reduction.MEAN

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of the whole batch."""
        squares = _squared_difference(prediction, target)
        return squares.mean() if self.reduction is Reduction.MEAN else squares.sum()

    def per_sample(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Each sample's own loss."""
        squares = _squared_difference(prediction, target)
        axes = tuple(range(1, squares.ndim))
        return squares.mean(axes) if self.reduction is Reduction.MEAN else squares.sum(axes)


def mse(*, reduction: Reduction = Reduction.MEAN) -> MeanSquaredError:
    """The squared error, averaged over all elements or summed."""
    return MeanSquaredError(reduction)


def _squared_difference(prediction: Tensor, target: Tensor) -> Tensor:
    if prediction.shape != target.shape:
        raise ShapeError(
            f"mse takes predictions and targets of one shape, not {prediction.shape} and"
            f" {target.shape}"
        )
    difference = prediction - target
    return difference * difference
