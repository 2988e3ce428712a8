"""Losses for distributions over classes."""

from __future__ import annotations

from dataclasses import dataclass

from numlean.autograd import primitives as ops
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.errors import DataError, ShapeError
from numlean.functional import log_softmax
from numlean.losses.loss import ClassesLoss, Reduction, check_classes, check_shapes


@dataclass(frozen=True)
class CrossEntropyOneHot(ClassesLoss):
    """The negated sum of target * log_softmax(prediction) over the last axis, the classes.

    Predictions are logits. The mean adds these sums in C order and divides once by their number;
    the sum adds all products in C order and negates the total.

    Attributes:
        reduction: The mean over all axes but the last, or the sum over everything.
    """

    def logarithms(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the products."""
        check_shapes("cross_entropy_one_hot", prediction, target)
        check_classes("cross_entropy_one_hot", prediction)
        return target * log_softmax(prediction)


@dataclass(frozen=True)
class NegativeLogLikelihoodOneHot(ClassesLoss):
    """The negated sum of target * prediction over the last axis, the classes.

    Predictions are logarithms of probabilities, such as the outputs of ``LogSoftmax``. Means and
    sums are those of ``CrossEntropyOneHot``.

    Attributes:
        reduction: The mean over all axes but the last, or the sum over everything.
    """

    def logarithms(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the products."""
        check_shapes("nll_one_hot", prediction, target)
        check_classes("nll_one_hot", prediction)
        return target * prediction


@dataclass(frozen=True)
class CrossEntropy(ClassesLoss):
    """The negated log_softmax(prediction), along the last axis, at the index given by a label.

    Predictions are logits of shape (batch, ..., classes), labels integers of shape (batch, ...). If
    no logarithm is infinite, the bits are those of ``CrossEntropyOneHot`` for the same classes.

    Attributes:
        reduction: The mean over all labels, or their sum.
    """

    takes_labels = True

    def logarithms(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the logarithms at the labels."""
        check_classes("cross_entropy", prediction)
        if target.scalar is not INDEX:
            raise DataError(
                f"cross_entropy takes integer labels, not numbers of {target.scalar.name};"
                " use cross_entropy_one_hot for distributions"
            )
        if target.shape != prediction.shape[:-1]:
            raise ShapeError(
                f"cross_entropy takes labels of shape {prediction.shape[:-1]} for predictions of"
                f" shape {prediction.shape}, not {target.shape}"
            )
        return ops.take_along_axis(log_softmax(prediction), target).reshape(*target.shape, 1)


def cross_entropy_one_hot(*, reduction: Reduction = Reduction.MEAN) -> CrossEntropyOneHot:
    """Return the cross-entropy of logits and distributions over the last axis."""
    return CrossEntropyOneHot(reduction)


def cross_entropy(*, reduction: Reduction = Reduction.MEAN) -> CrossEntropy:
    """Return the cross-entropy of logits over the last axis and integer labels."""
    return CrossEntropy(reduction)


def nll_one_hot(*, reduction: Reduction = Reduction.MEAN) -> NegativeLogLikelihoodOneHot:
    """Return the negative log-likelihood of log-probabilities and one-hot distributions."""
    return NegativeLogLikelihoodOneHot(reduction)
