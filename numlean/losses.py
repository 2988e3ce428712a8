"""Losses: how far predictions are from targets, as one number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from numlean.errors import ShapeError
from numlean.nn.functional import log_softmax
from numlean.tensor import Tensor


class Reduction(Enum):
    """What becomes of the elements' losses."""

    MEAN = "mean"
    SUM = "sum"


class Loss(ABC):
    """A function of predictions (batch, ...) and targets."""

    takes_labels: ClassVar[bool] = False
    """Whether targets are whole numbers that name classes, not numbers of a Scalar."""

    @abstractmethod
    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of the whole batch: a tensor of shape ().

        Raises:
            ShapeError: The shapes differ.
        """

    @abstractmethod
    def per_sample(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Each sample's own loss, of shape (batch,): bit for bit what a batch of one would give.

        Raises:
            ShapeError: The shapes differ.
        """


@dataclass(frozen=True)
class MeanSquaredError(Loss):
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


@dataclass(frozen=True)
class CrossEntropyOneHot(Loss):
    """The negated sum of target * log_softmax(prediction) over the last axis, the classes.

    Predictions are logits. As a mean, these sums are added in C order and divided once by their
    number; as a sum, all products are added in C order and the total negated.

    Attributes:
        reduction: The mean over all axes but the last, or the sum over everything.
    """

    reduction: Reduction = Reduction.MEAN

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of the whole batch."""
        products = _weighted_logarithms(prediction, target)
        if self.reduction is Reduction.SUM:
            return -products.sum()
        return (-products.sum(-1)).mean()

    def per_sample(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Each sample's own loss."""
        products = _weighted_logarithms(prediction, target)
        if self.reduction is Reduction.SUM:
            return -products.sum(tuple(range(1, products.ndim)))
        sums = -products.sum(-1)
        return sums.mean(tuple(range(1, sums.ndim)))


def cross_entropy_one_hot(*, reduction: Reduction = Reduction.MEAN) -> CrossEntropyOneHot:
    """The cross-entropy of logits and one-hot, or any other, distributions over the last axis."""
    return CrossEntropyOneHot(reduction)


def _squared_difference(prediction: Tensor, target: Tensor) -> Tensor:
    _check_shapes("mse", prediction, target)
    difference = prediction - target
    return difference * difference


def _weighted_logarithms(prediction: Tensor, target: Tensor) -> Tensor:
    _check_shapes("cross_entropy_one_hot", prediction, target)
    if prediction.ndim < 2:
        raise ShapeError(
            f"cross_entropy_one_hot takes shapes (batch, ..., classes), not {prediction.shape}"
        )
    return target * log_softmax(prediction)


def _check_shapes(name: str, prediction: Tensor, target: Tensor) -> None:
    if prediction.shape != target.shape:
        raise ShapeError(
            f"{name} takes predictions and targets of one shape, not {prediction.shape} and"
            f" {target.shape}"
        )
