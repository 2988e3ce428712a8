"""Euclidean norms of many numbers without overflow or underflow of their squares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from numlean.analysis.drift.ulp_scale import Floats


@dataclass
class ScaledNorm:
    """The norm of all numbers added so far: sqrt(squares) * 2**exponent.

    Attributes:
        squares: The sum of the squares of the numbers divided by 2**exponent.
        exponent: Large enough that none of these quotients exceeds 1.
    """

    squares: float = 0.0
    exponent: int = 0

    def add(self, values: Floats) -> None:
        """Add finite numbers."""
        greatest = float(np.abs(values).max(initial=0.0))
        if greatest:
            _, exponent = math.frexp(greatest)
            # In two halves: for subnormal numbers the power of two itself would overflow.
            half = exponent // 2
            scaled = np.ldexp(np.ldexp(values, -half), half - exponent)
            self.merge(ScaledNorm(float((scaled**2).sum()), exponent))

    def merge(self, other: ScaledNorm) -> None:
        """Add the numbers of another norm."""
        if not other.squares:
            return
        exponent = max(self.exponent, other.exponent) if self.squares else other.exponent
        self.squares = sum(
            math.ldexp(each.squares, 2 * (each.exponent - exponent)) for each in (self, other)
        )
        self.exponent = exponent

    def by(self, other: ScaledNorm, count: int = 1) -> float:
        """Return the norm divided by another one and by the root of a count; 0 if it is 0."""
        if not self.squares:
            return 0.0
        root = math.sqrt(self.squares / (other.squares * count))
        return math.ldexp(root, self.exponent - other.exponent)


ONE = ScaledNorm(1.0, 0)
"""The norm of a 1."""
