"""Gradient clipping: optimizers that another one leaves smaller gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import final

from numlean.autograd.primitives import concat, maximum, minimum, sqrt
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.optim.optimizer import Cast, Optimizer, State


@dataclass(frozen=True)
class Clipping(ABC):
    """An optimizer that another one gives smaller gradients.

    Attributes:
        optimizer: What updates by the clipped gradients.
        limit: How great they may be.

    Raises:
        NumleanError: The limit is not positive and finite.
    """

    optimizer: Optimizer
    limit: float

    def __post_init__(self) -> None:
        if not isfinite(self.limit) or self.limit <= 0:
            raise NumleanError(f"gradients are clipped at a finite number above 0: {self.limit}")

    @property
    def lr(self) -> float:
        """The inner optimizer's."""
        return self.optimizer.lr

    def initial(self, parameters: Sequence[Tensor], cast: Cast) -> State:
        """The inner optimizer's."""
        return self.optimizer.initial(parameters, cast)

    def update(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        state: State,
        *,
        rate: Tensor,
        cast: Cast,
    ) -> tuple[list[Tensor], State]:
        """The inner optimizer's, by clipped gradients."""
        clipped = self.clipped(gradients, cast(self.limit)) if gradients else gradients
        return self.optimizer.update(parameters, clipped, state, rate=rate, cast=cast)

    @abstractmethod
    def clipped(self, gradients: Sequence[Tensor], limit: Tensor) -> list[Tensor]:
        """The gradients, at least one, made smaller."""


@final
class ClipByValue(Clipping):
    """Each number g of the gradients becomes minimum(maximum(g, -limit), limit).

    A NaN stays one.
    """

    def clipped(self, gradients: Sequence[Tensor], limit: Tensor) -> list[Tensor]:
        """Each number by itself."""
        return [minimum(maximum(g, -limit), limit) for g in gradients]


@final
class ClipByNorm(Clipping):
    """Gradients of a norm above the limit are scaled down to it, all by one factor.

    norm = sqrt of the sum of all squares g*g, from +0, parameter after parameter in order, in each
    in C order; scale = minimum(1, limit / norm); every g becomes g * scale. A gradient of zeros has
    limit / +0 = inf, and stays.
    """

    def clipped(self, gradients: Sequence[Tensor], limit: Tensor) -> list[Tensor]:
        """All by one factor."""
        scale = minimum(Tensor.of(limit.scalar, 1.0), limit / global_norm(gradients))
        return [g * scale for g in gradients]


def clip_by_value(optimizer: Optimizer, limit: float) -> ClipByValue:
    """The optimizer, no number of whose gradients exceeds a limit; see :class:`ClipByValue`."""
    return ClipByValue(optimizer, limit)


def clip_by_norm(optimizer: Optimizer, limit: float) -> ClipByNorm:
    """The optimizer, whose gradients' common norm is limited; see :class:`ClipByNorm`."""
    return ClipByNorm(optimizer, limit)


def global_norm(gradients: Sequence[Tensor]) -> Tensor:
    """The root of the sum of all squares, from +0, tensor after tensor, in each in C order."""
    return sqrt(concat([(g * g).reshape(-1) for g in gradients], 0).sum())
