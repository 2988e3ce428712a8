"""Optimizers by the names that users type."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from numlean.arguments import checked
from numlean.errors import UnknownNameError
from numlean.optim.descent import SGD
from numlean.optim.hyperparameters import OPTIMIZERS, OptimizerTable, Value
from numlean.optim.moments import Adam, AdamW
from numlean.optim.optimizer import Optimizer

_CLASSES: Final[dict[str, Callable[..., Any]]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}


@checked
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

    @property
    def table(self) -> OptimizerTable:
        """The hyperparameters and their defaults."""
        return OPTIMIZERS[self.value]

    def make(self, lr: float, **hyperparameters: Value) -> Optimizer:
        """Return the optimizer with all hyperparameters given."""
        made: Optimizer = _CLASSES[self.value](lr, **hyperparameters)
        return made

    def to_optimizer(self, lr: float) -> Optimizer:
        """Return sgd(lr); or adam or adamw with betas 0.9 and 0.95, adamw with decay 0.1."""
        return self.make(lr, **self.table.defaults("kind"))
