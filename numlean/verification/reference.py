"""Somebody else's arithmetic, by which ours is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from numlean.verification.operands import Bits
from numlean_kernels.formats import Format

Raised: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Choices:
    """What a dtype's options ask for, in their spelling."""

    rounding: str = "ties_to_even"
    nan: str = "torchlean"
    subnormal: str = "keep"
    tininess: str = "after"
    overflow: str = "infinite"
    math: str = "correct"


class Reference(Protocol):
    """An arithmetic of the same format and choices from elsewhere.

    Attributes:
        operations: What it computes.
        tells_nans: Whether its NaNs' bits are meant to be ours, or only that they are NaNs.
    """

    operations: dict[str, int]
    tells_nans: bool

    def __init__(self, format: Format, choices: Choices) -> None:
        """Raises NumleanError where it has no such arithmetic."""

    def compute(self, operation: str, x: list[Bits]) -> tuple[Bits, Raised | None]:
        """The encodings that an operation gives, and its flags if it keeps them."""
