"""Reports of training loops: callbacks, log lines, and the losses before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from numlean.autograd.tensor import Tensor
from numlean.training.reported_loss import ReportedLoss, as_reported
from numlean.training.stepper import Stepper

OnStep: TypeAlias = Callable[[Stepper, Tensor], bool | None]
"""Called after each step with the stepper and the step's loss before its update.

If a step makes several updates, the loss is their mean. If the callback returns True, training
ends.
"""

Log: TypeAlias = Callable[[str], None]
"""Called with each line of the log."""


@dataclass(frozen=True)
class TrainReport:
    """The result of a training.

    Attributes:
        before: The exact mean loss over the training data before the first update.
        after: The exact mean loss over the training data after the last update.
    """

    before: ReportedLoss
    after: ReportedLoss

    def __post_init__(self) -> None:
        for name in ("before", "after"):
            object.__setattr__(self, name, as_reported(name, getattr(self, name)))


def format_log_line(what: str, number: int, loss: Tensor) -> str:
    """Return the log line of a step or an epoch."""
    return f"{what} {number}: loss {loss.item():.9g}"
