"""Optimizers that change what another optimizer takes or gives."""

from __future__ import annotations

from dataclasses import dataclass

from numlean.optim.optimizer import Optimizer
from numlean.scalar.constants import Constant, constants_of


@dataclass(frozen=True)
class WrappingOptimizer:
    """The learning rate and the constants of the optimizer inside.

    Attributes:
        optimizer: The optimizer that updates.
    """

    optimizer: Optimizer

    @property
    def lr(self) -> float:
        """The inner optimizer's learning rate."""
        return self.optimizer.lr

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The inner optimizer's constants."""
        return constants_of(self.optimizer)
