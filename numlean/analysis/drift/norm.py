"""Euclidean norms of many numbers, however great or small their squares would be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from numlean.analysis.drift.ulp_scale import Floats


@dataclass
class ScaledNorm:
    """The norm of all numbers added so far: sqrt(squares) * 2**exponent.

    Attributes:
        squares: The sum of the squares of the numbers by 2**exponent.
        exponent: So great that none of those is above 1.
    """

    squares: float = 0.0
    exponent: int = 0

    def add(self, values: Floats) -> None:
        """Add finite numbers."""
        greatest = float(np.abs(values).max(initial=0.0))
        if greatest:
            _, exponent = math.frexp(greatest)
            # Two halves: a power of two may be beyond the range where the numbers are subnormal.
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
        """The norm by another one and the root of a count; 0 if it is 0."""
        if not self.squares:
            return 0.0
        root = math.sqrt(self.squares / (other.squares * count))
        return math.ldexp(root, self.exponent - other.exponent)


ONE = ScaledNorm(1.0, 0)
"""The norm of a 1."""
