"""Losses for binary classification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from numlean.arguments import checked
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.functional import safe_log
from numlean.losses.loss import ElementwiseLoss, Reduction, check_shapes
from numlean.scalar.constants import Constant, formula

_LOGARITHM: Final = "log(max(p, epsilon))"


@checked
@dataclass(frozen=True)
class BinaryCrossEntropy(ElementwiseLoss):
    """-(y * log(max(p, epsilon)) + (1 - y) * log(max(1 - p, epsilon))) for the prediction p.

    The gradient is zero where epsilon replaces a probability. The sum is in C order from +0; the
    mean divides it once.

    Attributes:
        reduction: The mean over all elements, or their sum.
        epsilon: Keeps the logarithms finite; it must not round to zero in the Scalar.
    """

    epsilon: float = 1e-12

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise NumleanError(f"bce: epsilon must be positive, got {self.epsilon}")

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The epsilon."""
        zero = "is minus infinity for p = 0"
        return (Constant("epsilon", self.epsilon, _LOGARITHM, at_zero=zero),)

    def elements(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each probability."""
        check_shapes("bce", prediction, target)
        with formula(_LOGARITHM):
            yes = target * safe_log(prediction, self.epsilon)
            no = (1.0 - target) * safe_log(1.0 - prediction, self.epsilon)
        return -(yes + no)


@checked
@dataclass(frozen=True)
class BinaryCrossEntropyWithLogits(ElementwiseLoss):
    """y * softplus(-x) + (1 - y) * softplus(x) for the prediction x, a logit.

    The sum is in C order from +0; the mean divides it once.

    Attributes:
        reduction: The mean over all elements, or their sum.
    """

    def elements(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each logit."""
        check_shapes("bce_with_logits", prediction, target)
        return target * ops.softplus(-prediction) + (1.0 - target) * ops.softplus(prediction)


@checked
def bce(*, reduction: Reduction = Reduction.MEAN) -> BinaryCrossEntropy:
    """Return the binary cross-entropy of probabilities."""
    return BinaryCrossEntropy(reduction)


@checked
def bce_with_logits(*, reduction: Reduction = Reduction.MEAN) -> BinaryCrossEntropyWithLogits:
    """Return the binary cross-entropy of logits."""
    return BinaryCrossEntropyWithLogits(reduction)
