"""The one table of optimizers: their hyperparameters, and the defaults of each way to make them.

Three ways have defaults of their own, which follow the original system: the function, such as
``nl.adam(lr)``; ``OptimizerKind.to_optimizer(lr)``; and ``--optim`` at the command line. They
differ for Adam's beta2 (0.999 in the function, 0.95 in the others), AdamW's beta2 and weight decay
(0.01, and 0.1 in the others), and the momentum of SGD (0, and 0.9 at the command line).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

Value: TypeAlias = float | bool


@dataclass(frozen=True)
class Hyperparameter:
    """A hyperparameter of an optimizer, apart from the learning rate.

    Attributes:
        name: The name of the field.
        option: The name of the command-line option, without dashes.
        function: The default of the function, such as ``nl.adam``.
        kind: The default of ``OptimizerKind.to_optimizer``.
        command: The default of ``--optim``, where the task has none.
    """

    name: str
    option: str
    function: Value
    kind: Value
    command: Value


@dataclass(frozen=True)
class OptimizerTable:
    """What the ways to make an optimizer know about it.

    Attributes:
        value: The name that users type.
        name: The name for display.
        lr: The learning rate of ``--optim``, where the task has none.
        hyperparameters: All others, in the order of the fields.
    """

    value: str
    name: str
    lr: float
    hyperparameters: tuple[Hyperparameter, ...]

    def defaults(self, way: str) -> dict[str, Value]:
        """Return the defaults by name; ``way`` is ``function``, ``kind`` or ``command``."""
        return {each.name: getattr(each, way) for each in self.hyperparameters}


def _same(name: str, option: str, value: Value) -> Hyperparameter:
    return Hyperparameter(name, option, value, value, value)


_MOMENTS: Final = (
    _same("beta1", "beta1", 0.9),
    Hyperparameter("beta2", "beta2", function=0.999, kind=0.95, command=0.95),
    _same("epsilon", "eps", 1e-8),
)

_ROWS: Final = (
    OptimizerTable(
        "sgd",
        "SGD",
        0.05,
        (
            Hyperparameter("momentum", "momentum", function=0.0, kind=0.0, command=0.9),
            _same("nesterov", "nesterov", False),
            _same("weight_decay", "weight-decay", 0.0),
        ),
    ),
    OptimizerTable("adam", "Adam", 0.01, _MOMENTS),
    OptimizerTable(
        "adamw",
        "AdamW",
        0.01,
        (
            Hyperparameter("weight_decay", "weight-decay", function=0.01, kind=0.1, command=0.1),
            *_MOMENTS,
        ),
    ),
)

OPTIMIZERS: Final[Mapping[str, OptimizerTable]] = {row.value: row for row in _ROWS}
"""The optimizers, by the name that users type."""


def defaults_of(value: str) -> Mapping[str, Value]:
    """Return the defaults of the function of an optimizer, by name."""
    return OPTIMIZERS[value].defaults("function")


def optimizers_with(name: str) -> tuple[str, ...]:
    """Return the names of the optimizers that have a hyperparameter."""
    return tuple(
        row.value for row in _ROWS if any(each.name == name for each in row.hyperparameters)
    )
