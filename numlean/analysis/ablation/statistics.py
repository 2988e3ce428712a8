"""Means and spreads over seeds, and whether a difference exceeds what the spread explains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final, final

LEVEL: Final = 0.05
"""A difference exceeds the spread if chance alone gives a greater one less often than this."""


@final
@dataclass(frozen=True)
class Sample:
    """A figure of several seeds.

    Attributes:
        values: The figure of each seed.
    """

    values: tuple[float, ...]

    @property
    def count(self) -> int:
        """The number of seeds."""
        return len(self.values)

    @property
    def finite(self) -> tuple[float, ...]:
        """The values that are finite."""
        return tuple(value for value in self.values if math.isfinite(value))

    @property
    def is_finite(self) -> bool:
        """Whether there are values, and all are finite."""
        return bool(self.values) and len(self.finite) == self.count

    @property
    def mean(self) -> float:
        """The mean; NaN unless all values are finite."""
        return fmean(self.values) if self.is_finite else math.nan

    @property
    def deviation(self) -> float | None:
        """The standard deviation of the sample; None for fewer than two values, or not finite."""
        return stdev(self.values) if self.is_finite and self.count > 1 else None

    def p_value(self) -> float:
        """Return how likely chance alone gives a mean of this magnitude, if the true mean is 0.

        It is the two-sided probability of Student's t with one degree of freedom fewer than seeds:
        1 for fewer than two seeds or values that are not finite.
        """
        if self.deviation is None:
            return 1.0
        if self.deviation == 0:
            return 0.0 if self.mean else 1.0
        t = abs(self.mean) / self.deviation * math.sqrt(self.count)
        return student_tail(t, self.count - 1)


def student_tail(t: float, freedom: int) -> float:
    """Return the probability that the magnitude of Student's t exceeds a number.

    The sum is finite for integer degrees of freedom (M. Abramowitz and I. A. Stegun, "Handbook of
    Mathematical Functions", 26.7.3 and 26.7.4).

    Args:
        t: The number, not negative.
        freedom: The degrees of freedom, at least 1.
    """
    angle = math.atan2(t, math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    is_odd = freedom % 2
    term, total = (cosine if is_odd else 1.0), 0.0
    for power in range(is_odd, freedom - 1, 2):
        total += term
        term *= cosine * cosine * (power + 1) / (power + 2)
    inside = 2 / math.pi * (angle + sine * total) if is_odd else sine * total
    return max(1 - inside, 0.0)
