"""Losses for regression."""

from __future__ import annotations

from dataclasses import dataclass

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.losses.loss import ElementwiseLoss, Reduction, check_shapes


@checked
@dataclass(frozen=True)
class MeanSquaredError(ElementwiseLoss):
    """The squares of prediction - target, summed in C order from +0; the mean divides once.

    Attributes:
        reduction: The mean over all elements, or their sum.
    """

    def elements(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the squares."""
        check_shapes("mse", prediction, target)
        difference = prediction - target
        return difference * difference


@checked
def mse(*, reduction: Reduction = Reduction.MEAN) -> MeanSquaredError:
    """Return the squared error, averaged over all elements or summed."""
    return MeanSquaredError(reduction)
