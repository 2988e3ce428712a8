"""Optimizers by the names that users type."""

from __future__ import annotations

from enum import Enum

from numlean.errors import UnknownNameError
from numlean.optim.descent import sgd
from numlean.optim.moments import adam, adamw
from numlean.optim.optimizer import Optimizer


class OptimizerKind(Enum):
    """An optimizer as ``--optim`` names it; ``name`` is for display, ``value`` for typing."""

    SGD = "sgd"
    Adam = "adam"
    AdamW = "adamw"

    @classmethod
    def parse(cls, text: str) -> OptimizerKind:
        """Return the kind with exactly this value.

        Raises:
            UnknownNameError: The value is unknown; the message lists the known ones.
        """
        values = tuple(kind.value for kind in cls)
        if text not in values:
            raise UnknownNameError("optimizer", text, values)
        return cls(text)

    def to_optimizer(self, lr: float) -> Optimizer:
        """Return sgd(lr); or adam or adamw with betas 0.9 and 0.95, adamw with decay 0.1."""
        if self is OptimizerKind.SGD:
            return sgd(lr)
        if self is OptimizerKind.Adam:
            return adam(lr, 0.9, 0.95, 1e-8)
        return adamw(lr, 0.1, 0.9, 0.95, 1e-8)
