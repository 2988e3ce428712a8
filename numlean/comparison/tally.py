"""What remains of the errors of many numbers: a few figures and a histogram."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from numlean.comparison.grid import Floats

LEAST_BIN = -40
"""Errors below two to this power are counted as if they had it."""


@dataclass
class Tally:
    """The errors of many numbers, in ulp and by value; it grows with none of them.

    Attributes:
        count: How many numbers were measured.
        exact: How many of them have no error.
        max_ulp: The greatest error.
        ulp_squares: The sum of the squares of errors in ulp.
        error_squares: The sum of the squares of the errors themselves.
        value_squares: The sum of the squares of the numbers, or of what they ought to be where that
            is greater.
        histogram: How many errors lie in [2**k, 2**(k + 1)) ulp, by k.
    """

    count: int = 0
    exact: int = 0
    max_ulp: float = 0.0
    ulp_squares: float = 0.0
    error_squares: float = 0.0
    value_squares: float = 0.0
    histogram: Counter[int] = field(default_factory=Counter)

    def add(self, ulps: Floats, errors: Floats, values: Floats, right: Floats) -> None:
        """Count numbers: their errors in ulp and by value, they, and what they ought to be."""
        if ulps.size == 0:
            return
        self.count += ulps.size
        self.exact += int((ulps == 0).sum())
        self.max_ulp = max(self.max_ulp, float(ulps.max()))
        with np.errstate(over="ignore", under="ignore"):
            self.ulp_squares += float((ulps**2).sum())
            self.error_squares += float((errors**2).sum())
            self.value_squares += float((np.maximum(np.abs(values), np.abs(right)) ** 2).sum())
        _, exponents = np.frexp(ulps[ulps > 0])
        bins, counts = np.unique(np.maximum(exponents - 1, LEAST_BIN), return_counts=True)
        self.histogram.update(dict(zip(bins.tolist(), counts.tolist(), strict=True)))

    def merge(self, other: Tally) -> None:
        """Count what another one has counted, too."""
        self.count += other.count
        self.exact += other.exact
        self.max_ulp = max(self.max_ulp, other.max_ulp)
        self.ulp_squares += other.ulp_squares
        self.error_squares += other.error_squares
        self.value_squares += other.value_squares
        self.histogram.update(other.histogram)

    @property
    def rms_ulp(self) -> float:
        """The root of the mean of the errors' squares, in ulp; 0 of nothing."""
        return math.sqrt(self.ulp_squares / self.count) if self.count else 0.0

    @property
    def relative(self) -> float:
        """The norm of the errors by that of the numbers, or of what they ought to be: at most 2."""
        return math.sqrt(self.error_squares / self.value_squares) if self.error_squares else 0.0

    def as_plain(self) -> dict[str, Any]:
        """The figures by name."""
        return {
            "count": self.count,
            "exact": self.exact,
            "max_ulp": self.max_ulp,
            "rms_ulp": self.rms_ulp,
            "relative": self.relative,
            "histogram": {str(k): self.histogram[k] for k in sorted(self.histogram)},
        }
