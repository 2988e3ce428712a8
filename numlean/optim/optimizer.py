"""The interface of an optimizer: pure functions of parameters, gradients and state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Protocol, TypeAlias

import numpy as np

from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError

Cast: TypeAlias = Callable[[float], Tensor]
"""Convert a binary64 hyperparameter to the Scalar."""

State: TypeAlias = dict[str, list[Tensor]]
"""The state of an optimizer, by name: a tensor for each parameter, or one for all."""


class Optimizer(Protocol):
    """A rule for updating parameters; all arithmetic is the Scalar's, in the order stated.

    To write one: convert hyperparameters with ``cast``; a whole number that belongs to the formula,
    such as the 1 of 1 - beta, is exact.
    """

    @property
    def lr(self) -> float:
        """The learning rate."""

    def initial(self, parameters: Sequence[Tensor], cast: Cast) -> State:
        """Return the state before the first update."""

    def update(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        state: State,
        *,
        rate: Tensor,
        cast: Cast,
    ) -> tuple[list[Tensor], State]:
        """Return the next parameters and state, at a learning rate.

        The sequence of operations must be the same at every step, whatever the numbers are.
        """


@checked
def zeros_like(parameters: Sequence[Tensor]) -> list[Tensor]:
    """Return +0 for every number of the parameters."""
    return [Tensor.of(p.scalar, np.zeros(p.shape)) for p in parameters]


def check_gradients(parameters: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
    """Check that there is a gradient for each parameter.

    Raises:
        ShapeError: Their numbers differ.
    """
    if len(parameters) != len(gradients):
        raise ShapeError(
            f"an update takes a gradient for each parameter, got {len(parameters)} parameters and"
            f" {len(gradients)} gradients"
        )


@checked
def check_rate(name: str, value: float) -> float:
    """Return the value of a rate after checking it.

    Raises:
        NumleanError: The value is negative or not finite.
    """
    if not isfinite(value) or value < 0:
        raise NumleanError(f"{name} must be finite and not negative, got {value}")
    return value
