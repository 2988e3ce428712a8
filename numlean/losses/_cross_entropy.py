"""Losses for distributions over classes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import fsum

import numpy as np
from numpy.typing import ArrayLike

from numlean.arguments import checked
from numlean.arguments.option import option
from numlean.autograd import primitives as ops
from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.errors import DataError, NumleanError, ShapeError
from numlean.functional import log_softmax
from numlean.losses.loss import (
    ClassesLoss,
    Mask,
    Reduction,
    check_classes,
    check_shapes,
    read_weight,
)
from numlean.scalar.constants import Constant

IGNORED = -1
"""The index of a label that is ignored: it selects no class."""


@checked
@dataclass(frozen=True)
class CrossEntropyOneHot(ClassesLoss):
    """The negated sum of target * log_softmax(prediction) over the last axis, the classes.

    Predictions are logits. The mean adds these sums in C order and divides once by their number;
    the sum adds all products in C order and negates the total. With label smoothing s, the target
    is target * (1 - s) + s / classes; with class weights w, the products are (target * w) *
    log_softmax(prediction), and the mean still divides by the number of sums.

    Attributes:
        reduction: The mean over all axes but the last, or the sum over everything.
        weight: The weight of each class; None for 1.
        label_smoothing: The share of each target that is spread evenly over all classes.
    """

    label_smoothing: float = option(0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_smoothing(self.label_smoothing)

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The weights of the classes, and the share of label smoothing."""
        return (*super().constants, _smoothing(self.label_smoothing))

    def logarithms(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the products."""
        check_shapes("cross_entropy_one_hot", prediction, target)
        check_classes("cross_entropy_one_hot", prediction)
        classes = prediction.shape[-1]
        if self.label_smoothing:
            share = Tensor.of(target.scalar, self.label_smoothing)
            target = target * (1.0 - share) + share / classes
        return _weighted(self, target) * log_softmax(prediction)


@checked
@dataclass(frozen=True)
class NegativeLogLikelihoodOneHot(ClassesLoss):
    """The negated sum of target * prediction over the last axis, the classes.

    Predictions are logarithms of probabilities, such as the outputs of ``LogSoftmax``. Means, sums
    and class weights are those of ``CrossEntropyOneHot``.

    Attributes:
        reduction: The mean over all axes but the last, or the sum over everything.
        weight: The weight of each class; None for 1.
    """

    def logarithms(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the products."""
        check_shapes("nll_one_hot", prediction, target)
        check_classes("nll_one_hot", prediction)
        return _weighted(self, target) * prediction


@checked
@dataclass(frozen=True)
class CrossEntropy(ClassesLoss):
    """The negated log_softmax(prediction), along the last axis, at the index given by a label.

    Predictions are logits of shape (batch, ..., classes), labels integers of shape (batch, ...). If
    no logarithm is infinite, the bits are those of ``CrossEntropyOneHot`` for the same classes,
    unless there are class weights: the mean then divides by the weights of the labels, as
    PyTorch's does.

    With class weights w, the logarithm of label y is l = w[y] * log_softmax(prediction)[y]. With
    label smoothing s, it is (1 - s) * l + (s / classes) * t, where t adds w[c] *
    log_softmax(prediction)[c] over the classes. Ignored labels add +0. The mean divides by the sum
    of the w[y] of the labels that are not ignored: added exactly, rounded once to binary64 and once
    to the Scalar. It is a NaN if all labels are ignored.

    Attributes:
        reduction: The mean over all labels, or their sum.
        weight: The weight of each class; None for 1.
        ignore_index: The label that does not count; PyTorch's default is -100, here it is None.
        label_smoothing: The share of each label that is spread evenly over all classes.
    """

    ignore_index: int | None = option(None)
    label_smoothing: float = option(0.0)

    takes_labels = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_smoothing(self.label_smoothing)
        index = self.ignore_index
        if index is None:
            return
        if isinstance(index, bool) or not isinstance(index, int | np.integer):
            raise NumleanError(f"ignore_index must be an integer or None, got {index!r}")
        object.__setattr__(self, "ignore_index", int(index))

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The weights of the classes, and the share of label smoothing."""
        return (*super().constants, _smoothing(self.label_smoothing))

    @property
    def ignores_labels(self) -> bool:
        """Whether there is an ``ignore_index``."""
        return self.ignore_index is not None

    def read_labels(self, values: ArrayLike | Tensor) -> Tensor:
        """Return class labels as indices, ``IGNORED`` in place of ``ignore_index``."""
        if isinstance(values, Tensor):
            return self._as_indices(values)
        if self.ignore_index is None:
            return super().read_labels(values)
        array = np.asarray(values)
        is_ignored = np.asarray(array == self.ignore_index)
        labels = super().read_labels(np.where(is_ignored, np.zeros_like(array), array))
        return labels.like(np.where(is_ignored, IGNORED, labels.data))

    def logarithms(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the logarithms at the labels."""
        check_classes("cross_entropy", prediction)
        labels = self._read_target(prediction, target)
        logs = log_softmax(prediction)
        z = ops.take_along_axis(logs, labels)
        if self.weight is not None:
            z = ops.take(self.class_weights(logs.scalar, logs.shape[-1]), labels) * z
        if self.label_smoothing:
            share = Tensor.of(logs.scalar, self.label_smoothing)
            spread = _weighted(self, logs).sum(-1)
            classes = logs.shape[-1]
            z = (1.0 - share) * z + self._counted(labels, (share / classes) * spread, classes)
        return z.reshape(*labels.shape, 1)

    def mean(self, sums: Tensor, target: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Return the sum over axes, divided by the sum of the weights of the labels."""
        if self.weight is None and self.ignore_index is None:
            return sums.mean(axes)
        total = sums.sum(axes)
        labels = self.read_labels(target).data
        weight = None if self.weight is None else np.array(self.weight)

        def divisor() -> ArrayLike:
            # Read again at each replay of a compiled step, as the labels are.
            is_counted = labels >= 0
            each = is_counted * 1.0 if weight is None else np.where(is_counted, weight[labels], 0.0)
            return np.reshape([fsum(row) for row in each.reshape(total.size, -1)], total.shape)

        return total / Tensor(total.scalar, total.scalar.from_host_callback(divisor))

    def divisor(self, target: Tensor) -> Fraction | None:
        """Return the sum of the weights of the labels that count; None for a sum of losses."""
        if self.reduction is not Reduction.MEAN:
            return None
        labels, counts = np.unique(self.read_labels(target).data, return_counts=True)
        weights = [1.0 if self.weight is None else self.weight[k] for k in labels if k >= 0]
        kept = counts[labels >= 0]
        return sum((Fraction(w) * int(n) for w, n in zip(weights, kept, strict=True)), Fraction(0))

    def _read_target(self, prediction: Tensor, target: Tensor) -> Tensor:
        target = self.read_labels(target)
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
        return target

    def _as_indices(self, labels: Tensor) -> Tensor:
        """Return indices with ``IGNORED`` in place of ``ignore_index``; those read before stay."""
        index, names = self.ignore_index, labels.data
        if index is None or labels.scalar is not INDEX:
            return labels
        is_ignored: Mask = np.asarray(names == index)
        wrong = names[(names < IGNORED) & ~is_ignored]
        if wrong.size:
            raise DataError(f"label {wrong[0]} is negative and not the ignore_index, {index}")
        # A step is only compiled for labels that were read before, so it has no copy of them.
        if index == IGNORED or not is_ignored.any():
            return labels
        return labels.like(np.where(is_ignored, IGNORED, names))

    def _counted(self, labels: Tensor, x: Tensor, classes: int) -> Tensor:
        """Return x, with +0 at labels that are ignored."""
        if self.ignore_index is None:
            return x
        counted = ops.take(Tensor.of(x.scalar, np.ones(classes)), labels)
        return ops.where(Tensor.of(x.scalar, 0.0), counted, x, relation="lt")


def _smoothing(share: float) -> Constant:
    formula = "target * (1 - label_smoothing) + label_smoothing / classes"
    effects = "leaves out the smoothing", "ignores the target"
    return Constant("label_smoothing", share, formula, *effects)


def check_smoothing(share: float) -> None:
    """Check the share of label smoothing.

    Raises:
        NumleanError: It is not a number from 0 to 1.
    """
    is_number = isinstance(share, int | float | np.integer | np.floating)
    if not is_number or not 0.0 <= share <= 1.0:
        raise NumleanError(f"label_smoothing must be from 0 to 1, got {share!r}")


def _weighted(loss: ClassesLoss, x: Tensor) -> Tensor:
    """Return x times the weights of the classes, its last axis."""
    return x if loss.weight is None else x * loss.class_weights(x.scalar, x.shape[-1])


@checked
def cross_entropy_one_hot(
    *,
    reduction: Reduction = Reduction.MEAN,
    weight: ArrayLike | None = None,
    label_smoothing: float = 0.0,
) -> CrossEntropyOneHot:
    """Return the cross-entropy of logits and distributions over the last axis."""
    return CrossEntropyOneHot(
        reduction, weight=_optional_weight(weight), label_smoothing=label_smoothing
    )


@checked
def cross_entropy(
    *,
    reduction: Reduction = Reduction.MEAN,
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> CrossEntropy:
    """Return the cross-entropy of logits over the last axis and integer labels."""
    return CrossEntropy(
        reduction,
        weight=_optional_weight(weight),
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
    )


@checked
def nll_one_hot(
    *, reduction: Reduction = Reduction.MEAN, weight: ArrayLike | None = None
) -> NegativeLogLikelihoodOneHot:
    """Return the negative log-likelihood of log-probabilities and one-hot distributions."""
    return NegativeLogLikelihoodOneHot(reduction, weight=_optional_weight(weight))


def _optional_weight(weight: ArrayLike | None) -> tuple[float, ...] | None:
    return None if weight is None else read_weight(weight)
