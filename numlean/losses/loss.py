"""What a loss is: how far predictions are from targets, as one number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError


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
class ElementwiseLoss(Loss):
    """A loss of each element, summed in C order from +0, divided once if a mean.

    Attributes:
        reduction: The mean over all elements, or their sum.
    """

    reduction: Reduction = Reduction.MEAN

    @abstractmethod
    def elements(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Each element's loss, of the shape of both."""

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of the whole batch."""
        elements = self.elements(prediction, target)
        return elements.mean() if self.reduction is Reduction.MEAN else elements.sum()

    def per_sample(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Each sample's own loss."""
        elements = self.elements(prediction, target)
        axes = tuple(range(1, elements.ndim))
        return elements.mean(axes) if self.reduction is Reduction.MEAN else elements.sum(axes)


@dataclass(frozen=True)
class ClassesLoss(Loss):
    """The negated sum of logarithms of probabilities that targets ask for.

    As a mean, the logarithms are added up for each row of classes, from +0, and negated; these sums
    are added in C order and divided once by their number. As a sum, all are added in C order
    and the total is negated.

    Attributes:
        reduction: The mean over all axes but that of the classes, or the sum over everything.
    """

    reduction: Reduction = Reduction.MEAN

    @abstractmethod
    def logarithms(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The logarithms that are added up, of shape (batch, ..., terms of a row)."""

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of the whole batch."""
        logarithms = self.logarithms(prediction, target)
        if self.reduction is Reduction.SUM:
            return -logarithms.sum()
        return (-logarithms.sum(-1)).mean()

    def per_sample(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Each sample's own loss."""
        logarithms = self.logarithms(prediction, target)
        if self.reduction is Reduction.SUM:
            return -logarithms.sum(tuple(range(1, logarithms.ndim)))
        sums = -logarithms.sum(-1)
        return sums.mean(tuple(range(1, sums.ndim)))


def check_shapes(name: str, prediction: Tensor, target: Tensor) -> None:
    """Refuse a prediction and a target of two shapes.

    Raises:
        ShapeError: They are of two shapes.
    """
    if prediction.shape != target.shape:
        raise ShapeError(
            f"{name} takes predictions and targets of one shape, not {prediction.shape} and"
            f" {target.shape}"
        )


def check_classes(name: str, prediction: Tensor) -> None:
    """Refuse a prediction that has no axes for batch and classes.

    Raises:
        ShapeError: It has none.
    """
    if prediction.ndim < 2:
        raise ShapeError(f"{name} takes shapes (batch, ..., classes), not {prediction.shape}")
