"""Losses of probabilities of yes or no."""

from __future__ import annotations

from dataclasses import dataclass

from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.functional import safe_log
from numlean.losses.loss import ElementwiseLoss, Reduction, check_shapes


@dataclass(frozen=True)
class BinaryCrossEntropy(ElementwiseLoss):
    """-(y * log(max(p, epsilon)) + (1 - y) * log(max(1 - p, epsilon))), p being the prediction.

    The gradient is zero where epsilon takes a probability's place. Summed in C order from +0,
    divided once if a mean.

    Attributes:
        reduction: The mean over all elements, or their sum.
        epsilon: Keeps the logarithms finite; it must not round to zero in the Scalar.
    """

    epsilon: float = 1e-12

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise NumleanError(f"bce: epsilon is positive, not {self.epsilon}")

    def elements(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Each probability's loss."""
        check_shapes("bce", prediction, target)
        yes = target * safe_log(prediction, self.epsilon)
        no = (1.0 - target) * safe_log(1.0 - prediction, self.epsilon)
        return -(yes + no)


@dataclass(frozen=True)
class BinaryCrossEntropyWithLogits(ElementwiseLoss):
    """y * softplus(-x) + (1 - y) * softplus(x), x being the prediction, a logit.

    Summed in C order from +0, divided once if a mean.

    Attributes:
        reduction: The mean over all elements, or their sum.
    """

    def elements(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Each logit's loss."""
        check_shapes("bce_with_logits", prediction, target)
        return target * ops.softplus(-prediction) + (1.0 - target) * ops.softplus(prediction)


def bce(*, reduction: Reduction = Reduction.MEAN) -> BinaryCrossEntropy:
    """The binary cross-entropy of probabilities."""
    return BinaryCrossEntropy(reduction)


def bce_with_logits(*, reduction: Reduction = Reduction.MEAN) -> BinaryCrossEntropyWithLogits:
    """The binary cross-entropy of logits."""
    return BinaryCrossEntropyWithLogits(reduction)
