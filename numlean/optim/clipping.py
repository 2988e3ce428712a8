"""Gradient clipping: optimizers that pass smaller gradients to another optimizer."""

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
    """An optimizer that passes smaller gradients to another one.

    Attributes:
        optimizer: The optimizer that updates with the clipped gradients.
        limit: The limit of the gradients.

    Raises:
        NumleanError: The limit is not positive and finite.
    """

    optimizer: Optimizer
    limit: float

    def __post_init__(self) -> None:
        if not isfinite(self.limit) or self.limit <= 0:
            raise NumleanError(f"the clipping limit must be finite and above 0, got {self.limit}")

    @property
    def lr(self) -> float:
        """The inner optimizer's learning rate."""
        return self.optimizer.lr

    def initial(self, parameters: Sequence[Tensor], cast: Cast) -> State:
        """Return the inner optimizer's state."""
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
        """Return the inner optimizer's update with clipped gradients."""
        clipped = self.clip(gradients, cast(self.limit)) if gradients else gradients
        return self.optimizer.update(parameters, clipped, state, rate=rate, cast=cast)

    @abstractmethod
    def clip(self, gradients: Sequence[Tensor], limit: Tensor) -> list[Tensor]:
        """Return the gradients, at least one, limited."""


@final
class ClipByValue(Clipping):
    """Replace each number g of the gradients by minimum(maximum(g, -limit), limit).

    A NaN stays a NaN.
    """

    def clip(self, gradients: Sequence[Tensor], limit: Tensor) -> list[Tensor]:
        """Return the gradients, each number limited on its own."""
        return [minimum(maximum(g, -limit), limit) for g in gradients]


@final
class ClipByNorm(Clipping):
    """Scale gradients whose norm exceeds the limit down to it, all by the same factor.

    norm = sqrt of the sum of all squares g*g, from +0, parameter after parameter in order, each in
    C order; scale = minimum(1, limit / norm); every g becomes g * scale. A gradient of zeros has
    limit / +0 = inf, and is unchanged.
    """

    def clip(self, gradients: Sequence[Tensor], limit: Tensor) -> list[Tensor]:
        """Return the gradients, all scaled by the same factor."""
        scale = minimum(Tensor.of(limit.scalar, 1.0), limit / global_norm(gradients))
        return [g * scale for g in gradients]


def clip_by_value(optimizer: Optimizer, limit: float) -> ClipByValue:
    """Return the optimizer with each gradient number limited; see :class:`ClipByValue`."""
    return ClipByValue(optimizer, limit)


def clip_by_norm(optimizer: Optimizer, limit: float) -> ClipByNorm:
    """Return the optimizer with the gradients' norm limited; see :class:`ClipByNorm`."""
    return ClipByNorm(optimizer, limit)


def global_norm(gradients: Sequence[Tensor]) -> Tensor:
    """Return the root of the sum of all squares, from +0, in order of tensors and in C order."""
    return sqrt(concat([(g * g).reshape(-1) for g in gradients], 0).sum())
