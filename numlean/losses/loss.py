"""The interface of a loss: the distance between predictions and targets, as one number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError


class Reduction(Enum):
    """The combination of the losses of all elements."""

    MEAN = "mean"
    SUM = "sum"


class Loss(ABC):
    """A function of predictions (batch, ...) and targets."""

    takes_labels: ClassVar[bool] = False
    """Whether targets are integer class labels instead of numbers of a Scalar."""

    @abstractmethod
    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of the whole batch: a tensor of shape ().

        Raises:
            ShapeError: The shapes differ.
        """

    @abstractmethod
    def per_sample(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each sample, of shape (batch,), with the bits of a batch of one.

        Raises:
            ShapeError: The shapes differ.
        """


@dataclass(frozen=True)
class ElementwiseLoss(Loss):
    """A loss of each element, summed in C order from +0; the mean divides once.

    Attributes:
        reduction: The mean over all elements, or their sum.
    """

    reduction: Reduction = Reduction.MEAN

    @abstractmethod
    def elements(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each element, in the shape of both operands."""

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of the whole batch."""
        elements = self.elements(prediction, target)
        return elements.mean() if self.reduction is Reduction.MEAN else elements.sum()

    def per_sample(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each sample."""
        elements = self.elements(prediction, target)
        axes = tuple(range(1, elements.ndim))
        return elements.mean(axes) if self.reduction is Reduction.MEAN else elements.sum(axes)


@dataclass(frozen=True)
class ClassesLoss(Loss):
    """The negated sum of the logarithms of the probabilities that targets select.

    The mean adds the logarithms of each row of classes, from +0, and negates them; it adds these
    sums in C order and divides once by their number. The sum adds all logarithms in C order and
    negates the total.

    Attributes:
        reduction: The mean over all axes but that of the classes, or the sum over everything.
    """

    reduction: Reduction = Reduction.MEAN

    @abstractmethod
    def logarithms(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the logarithms to add up, of shape (batch, ..., terms of a row)."""

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of the whole batch."""
        logarithms = self.logarithms(prediction, target)
        if self.reduction is Reduction.SUM:
            return -logarithms.sum()
        return (-logarithms.sum(-1)).mean()

    def per_sample(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each sample."""
        logarithms = self.logarithms(prediction, target)
        if self.reduction is Reduction.SUM:
            return -logarithms.sum(tuple(range(1, logarithms.ndim)))
        sums = -logarithms.sum(-1)
        return sums.mean(tuple(range(1, sums.ndim)))


def check_shapes(name: str, prediction: Tensor, target: Tensor) -> None:
    """Check that a prediction and a target have the same shape.

    Raises:
        ShapeError: Their shapes differ.
    """
    if prediction.shape != target.shape:
        raise ShapeError(
            f"{name} takes predictions and targets of the same shape, got {prediction.shape} and"
            f" {target.shape}"
        )


def check_classes(name: str, prediction: Tensor) -> None:
    """Check that a prediction has axes for the batch and the classes.

    Raises:
        ShapeError: It has fewer than two axes.
    """
    if prediction.ndim < 2:
        raise ShapeError(
            f"{name} takes predictions of shape (batch, ..., classes), got {prediction.shape}"
        )
