"""Optimizers: pure functions from parameters, gradients and state to the next ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Protocol, TypeAlias

import numpy as np

from numlean.errors import NumleanError
from numlean.tensor import Tensor

Cast: TypeAlias = Callable[[float], Tensor]
"""Brings a binary64 hyperparameter into the Scalar."""

State: TypeAlias = dict[str, list[Tensor]]
"""What an optimizer remembers, by name: a tensor for each parameter, or one for all."""


class Optimizer(Protocol):
    """A rule for changing parameters; all arithmetic is the Scalar's, in the order stated."""

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


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent.

    Without momentum p <- p - g*lr; with it buf <- buf*momentum + g and p <- p - buf*lr, buf
    starting at +0.

    Attributes:
        lr: The learning rate.
        momentum: How much of the last step is kept.
    """

    lr: float
    momentum: float = 0.0

    def __post_init__(self) -> None:
        checked_rate("lr", self.lr)
        checked_rate("momentum", self.momentum)

    def initial(self, parameters: Sequence[Tensor], cast: Cast) -> State:
        """Momentum buffers, if there is momentum."""
        return {} if self.momentum == 0.0 else {"momentum": zeros_like(parameters, cast)}

    def update(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        state: State,
        *,
        rate: Tensor,
        cast: Cast,
    ) -> tuple[list[Tensor], State]:
        """The next parameters and momentum buffers."""
        if self.momentum == 0.0:
            moved = zip(parameters, gradients, strict=True)
            return [p - g * rate for p, g in moved], state
        mu = cast(self.momentum)
        buffers = [b * mu + g for b, g in zip(state["momentum"], gradients, strict=True)]
        moved = zip(parameters, buffers, strict=True)
        return [p - b * rate for p, b in moved], {"momentum": buffers}


def zeros_like(parameters: Sequence[Tensor], cast: Cast) -> list[Tensor]:
    """A +0 for every number of the parameters."""
    zero = cast(0.0)
    return [Tensor(zero.scalar, np.broadcast_to(zero.data, p.shape).copy()) for p in parameters]


def checked_rate(name: str, value: float) -> float:
    """The value of a rate.

    Raises:
        NumleanError: It is negative or not finite.
    """
    if not isfinite(value) or value < 0:
        raise NumleanError(f"{name} must be a finite number that is not negative: {value}")
    return value


def sgd(lr: float, momentum: float = 0.0) -> SGD:
    """Stochastic gradient descent."""
    return SGD(lr, momentum)


def momentum_sgd(lr: float, momentum: float = 0.9) -> SGD:
    """Stochastic gradient descent with momentum."""
    return SGD(lr, momentum)
