"""The interface of a loss: the distance between predictions and targets, as one number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from numlean.arguments import checked
from numlean.arguments.option import option
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError
from numlean.scalar.constants import Constant
from numlean.scalar.protocol import Scalar

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]


class Reduction(Enum):
    """The combination of the losses of all elements."""

    MEAN = "mean"
    SUM = "sum"


class Loss(ABC):
    """A function of predictions (batch, ...) and targets."""

    takes_labels: ClassVar[bool] = False
    """Whether targets are integer class labels instead of numbers of a Scalar."""

    @property
    def ignores_labels(self) -> bool:
        """Whether ``read_labels`` may return -1, for a label that does not count."""
        return False

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The constants that enter a Scalar; by default none."""
        return ()

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

    def divisor(self, target: Tensor) -> Fraction | None:
        """Return by what the mean of a batch divides, up to a factor that all batches share.

        By default it is the number of samples; None if the loss is a sum.
        """
        return Fraction(target.shape[0])

    def read_labels(self, values: ArrayLike | Tensor) -> Tensor:
        """Return class labels as indices, -1 in place of a label that the loss ignores.

        Labels that it returned before stay as they are.

        Raises:
            DataError: A label is not an integer from 0 on, nor ignored.
        """
        return values if isinstance(values, Tensor) else Tensor.of(INDEX, values)


@checked
@dataclass(frozen=True)
class ElementwiseLoss(Loss):
    """A loss of each element, summed in C order from +0; the mean divides once.

    Attributes:
        reduction: The mean over all elements, or their sum.
    """

    reduction: Reduction = Reduction.MEAN

    def divisor(self, target: Tensor) -> Fraction | None:
        """Return the number of samples; None for a sum."""
        return super().divisor(target) if self.reduction is Reduction.MEAN else None

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


@checked
@dataclass(frozen=True)
class ClassesLoss(Loss):
    """The negated sum of the logarithms of the probabilities that targets select.

    The mean adds the logarithms of each row of classes, from +0, and negates them; it adds these
    sums in C order and divides once by their number, unless ``mean`` divides by another one. The
    sum adds all logarithms in C order and negates the total.

    Attributes:
        reduction: The mean over all axes but that of the classes, or the sum over everything.
        weight: The weight of each class, a constant factor of its logarithm; None for 1.
    """

    reduction: Reduction = Reduction.MEAN
    weight: tuple[float, ...] | None = option(None)

    def __post_init__(self) -> None:
        if self.weight is not None:
            object.__setattr__(self, "weight", read_weight(self.weight))

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The weights of the classes."""
        return tuple(
            Constant(f"weight[{k}]", weight, "weight * logarithm", "leaves out the class")
            for k, weight in enumerate(self.weight or ())
        )

    def divisor(self, target: Tensor) -> Fraction | None:
        """Return the number of samples; None for a sum."""
        return super().divisor(target) if self.reduction is Reduction.MEAN else None

    @abstractmethod
    def logarithms(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the logarithms to add up, of shape (batch, ..., terms of a row)."""

    def mean(self, sums: Tensor, target: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Return the mean of the rows' losses over axes."""
        return sums.mean(axes)

    def class_weights(self, scalar: Scalar, classes: int) -> Tensor:
        """Return the weights of the classes, of shape (classes,).

        Raises:
            ShapeError: There are more or fewer classes than weights.
        """
        weight = (1.0,) * classes if self.weight is None else self.weight
        if len(weight) != classes:
            raise ShapeError(
                f"the loss has {len(weight)} class weights, but predictions have {classes} classes"
            )
        return Tensor.of(scalar, np.array(weight))

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of the whole batch."""
        logarithms = self.logarithms(prediction, target)
        if self.reduction is Reduction.SUM:
            return -logarithms.sum()
        sums = -logarithms.sum(-1)
        return self.mean(sums, target, tuple(range(sums.ndim)))

    def per_sample(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each sample."""
        logarithms = self.logarithms(prediction, target)
        if self.reduction is Reduction.SUM:
            return -logarithms.sum(tuple(range(1, logarithms.ndim)))
        sums = -logarithms.sum(-1)
        return self.mean(sums, target, tuple(range(1, sums.ndim)))


def read_weight(values: ArrayLike) -> tuple[float, ...]:
    """Return the weights of classes as binary64 numbers.

    Raises:
        NumleanError: They are not a vector of finite numbers from 0 on.
    """
    try:
        weights = np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        weights = np.array(np.nan)
    if weights.ndim != 1 or not weights.size or not np.all(np.isfinite(weights) & (weights >= 0)):
        raise NumleanError(
            f"weight must be one finite number from 0 on for each class, got {values!r}"
        )
    return tuple(weights.tolist())


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
