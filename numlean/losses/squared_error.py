"""Losses of numbers."""

from __future__ import annotations

from dataclasses import dataclass

from numlean.autograd.tensor import Tensor
from numlean.losses.loss import ElementwiseLoss, Reduction, check_shapes


@dataclass(frozen=True)
class MeanSquaredError(ElementwiseLoss):
    """The squares of prediction - target, summed in C order from +0, divided once if a mean.

    Attributes:
        reduction: The mean over all elements, or their sum.
    """

    def elements(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The squares."""
        check_shapes("mse", prediction, target)
        difference = prediction - target
        return difference * difference


def mse(*, reduction: Reduction = Reduction.MEAN) -> MeanSquaredError:
    """The squared error, averaged over all elements or summed."""
    return MeanSquaredError(reduction)
