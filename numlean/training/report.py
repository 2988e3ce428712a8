"""What loops tell: while they run, and when they are done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from numlean.autograd.tensor import Tensor
from numlean.training.stepper import Stepper

OnStep: TypeAlias = Callable[[Stepper, Tensor], bool | None]
"""Told after each step of the stepper and the loss before it: of several updates, the mean.

If it returns True, training ends there.
"""

Log: TypeAlias = Callable[[str], None]
"""Takes a line of the log."""


@dataclass(frozen=True)
class TrainReport:
    """What training achieved.

    Attributes:
        before: The mean loss over the training data before the first update.
        after: The same after the last.
    """

    before: Tensor
    after: Tensor


def format_log_line(what: str, number: int, loss: Tensor) -> str:
    """A step's or an epoch's line of the log."""
    return f"{what} {number}: loss {loss.item():.9g}"
