"""Gradient clipping: optimizers that pass smaller gradients to another optimizer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import final

from numlean.arguments import checked
from numlean.autograd.primitives import maximum, minimum
from numlean.autograd.primitives.ranges import holds, select
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.functional import norm_of
from numlean.optim.optimizer import Cast, Optimizer, State
from numlean.optim.scaled_loss import LossScaled
from numlean.optim.wrapping import WrappingOptimizer
from numlean.scalar.constants import Constant


@checked
@dataclass(frozen=True)
class Clipping(WrappingOptimizer, ABC):
    """An optimizer that passes smaller gradients to another one.

    Attributes:
        optimizer: The optimizer that updates with the clipped gradients.
        limit: The limit of the gradients.

    Raises:
        NumleanError: The limit is not positive and finite, or the optimizer takes gradients of a
            scaled loss.
    """

    limit: float

    def __post_init__(self) -> None:
        if isinstance(self.optimizer, LossScaled):
            raise NumleanError(
                "gradients are clipped after loss scaling is undone: scale the loss of the clipping"
                " optimizer, as in loss_scaled(clip_by_norm(optimizer, 1.0), 'dynamic')"
            )
        if not isfinite(self.limit) or self.limit <= 0:
            raise NumleanError(f"the clipping limit must be finite and above 0, got {self.limit}")

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The limit, and the inner optimizer's constants."""
        limit = Constant("the clipping limit", self.limit, "the clipping", "makes all gradients 0")
        return (limit, *super().constants)

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
    C order; if it exceeds the limit or is a NaN, every g becomes g * (limit / norm).

    If the sum of the squares overflows or is below the normal numbers, all g are first divided by a
    power of two M near the greatest magnitude: norm = r*M, with r the root of the sum of the
    squares of g / M, and every g becomes (g / M) * (limit / r). Else M = 1, which changes no bit.
    """

    def clip(self, gradients: Sequence[Tensor], limit: Tensor) -> list[Tensor]:
        """Return the gradients, all scaled by the same factor."""
        root, divisor = norm_of(gradients)
        one = limit.literal(1.0)
        is_within = holds(root * divisor, "le", limit)
        scale = select(is_within, one, limit) / select(is_within, one, root)
        divisor = select(is_within, one, divisor)
        return [(g / divisor) * scale for g in gradients]


@checked
def clip_by_value(optimizer: Optimizer, limit: float) -> ClipByValue:
    """Return the optimizer with each gradient number limited; see :class:`ClipByValue`."""
    return ClipByValue(optimizer, limit)


@checked
def clip_by_norm(optimizer: Optimizer, limit: float) -> ClipByNorm:
    """Return the optimizer with the gradients' norm limited; see :class:`ClipByNorm`."""
    return ClipByNorm(optimizer, limit)


@checked
def global_norm(gradients: Sequence[Tensor]) -> Tensor:
    """Return the root of the sum of all squares, from +0, in order of tensors and in C order.

    If that sum overflows or is below the normal numbers, return M times the root of the sum of the
    squares of all numbers divided by M, a power of two near their greatest magnitude.
    """
    root, divisor = norm_of(gradients)
    return root * divisor
