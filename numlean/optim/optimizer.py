"""What an optimizer is: pure functions from parameters, gradients and state to the next ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Protocol, TypeAlias

import numpy as np

from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError

Cast: TypeAlias = Callable[[float], Tensor]
"""Brings a binary64 hyperparameter into the Scalar."""

State: TypeAlias = dict[str, list[Tensor]]
"""What an optimizer remembers, by name: a tensor for each parameter, or one for all."""


class Optimizer(Protocol):
    """A rule for changing parameters; all arithmetic is the Scalar's, in the order stated.

    If you write one: hyperparameters enter the Scalar through ``cast``; a whole number that belongs
    to the formula, such as the 1 of 1 - beta, is exact.
    """

    @property
    def lr(self) -> float:
        """The learning rate."""

    def initial(self, parameters: Sequence[Tensor], cast: Cast) -> State:
        """What is remembered before the first update."""

    def update(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        state: State,
        *,
        rate: Tensor,
        cast: Cast,
    ) -> tuple[list[Tensor], State]:
        """The next parameters and state, at a learning rate.

        It is the same sequence of operations at every step, whatever the numbers are.
        """


def zeros_like(parameters: Sequence[Tensor]) -> list[Tensor]:
    """A +0 for every number of the parameters."""
    return [Tensor.of(p.scalar, np.zeros(p.shape)) for p in parameters]


def check_rate(name: str, value: float) -> float:
    """The value of a rate.

    Raises:
        NumleanError: It is negative or not finite.
    """
    if not isfinite(value) or value < 0:
        raise NumleanError(f"{name} must be a finite number that is not negative: {value}")
    return value
