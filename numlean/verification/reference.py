"""The interface of independent arithmetics with which ours is compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from numlean.verification.operands import Bits
from numlean_kernels.formats import Format

Raised: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Choices:
    """The values of a dtype's options."""

    rounding: str = "ties_to_even"
    nan: str = "torchlean"
    subnormal: str = "keep"
    tininess: str = "after"
    overflow: str = "infinite"
    math: str = "correct"


class ArithmeticReference(Protocol):
    """An independent arithmetic of the same format and choices.

    Attributes:
        operations: The operations that it computes, and their arities.
        choices: The choices of the arithmetic.
        has_nan_bits: Whether its NaNs have the bits of the NaN rule. If not, the comparison takes
            them from :mod:`.nan_rules`.
    """

    operations: dict[str, int]
    choices: Choices
    has_nan_bits: bool

    def __init__(self, format: Format, choices: Choices) -> None:
        """Raise NumleanError if there is no such arithmetic."""

    def compute(self, operation: str, x: list[Bits]) -> tuple[Bits, Raised | None]:
        """Return the encodings of an operation's results, and the flags if it has them."""
