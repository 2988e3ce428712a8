"""Statistics of the errors of many numbers: a few figures and a histogram."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from numlean.analysis.drift.norm import ONE, ScaledNorm
from numlean.analysis.drift.ulp_scale import Floats

LEAST_BIN = -40
"""Errors below two to this power are counted in its bin."""


@dataclass
class ErrorStats:
    """The errors of many numbers, in ulp and by value, in constant memory.

    Attributes:
        count: The count of numbers measured.
        exact: The count of numbers without error.
        max_ulp: The greatest error.
        ulps: The norm of the errors in ulp.
        errors: The norm of the errors themselves.
        values: The norm of the numbers, or of the expected ones where those are greater.
        histogram: The count of errors in [2**k, 2**(k + 1)) ulp, by k.
    """

    count: int = 0
    exact: int = 0
    max_ulp: float = 0.0
    ulps: ScaledNorm = field(default_factory=ScaledNorm)
    errors: ScaledNorm = field(default_factory=ScaledNorm)
    values: ScaledNorm = field(default_factory=ScaledNorm)
    histogram: Counter[int] = field(default_factory=Counter)

    def add(self, ulps: Floats, errors: Floats, values: Floats, expected: Floats) -> None:
        """Count numbers: their errors in ulp and by value, the numbers, and the expected ones."""
        if ulps.size == 0:
            return
        self.count += ulps.size
        self.exact += int((ulps == 0).sum())
        self.max_ulp = max(self.max_ulp, float(ulps.max()))
        self.ulps.add(ulps)
        self.errors.add(errors)
        self.values.add(np.maximum(np.abs(values), np.abs(expected)))
        _, exponents = np.frexp(ulps[ulps > 0])
        bins, counts = np.unique(np.maximum(exponents - 1, LEAST_BIN), return_counts=True)
        self.histogram.update(dict(zip(bins.tolist(), counts.tolist(), strict=True)))

    def merge(self, other: ErrorStats) -> None:
        """Add the counts of another one."""
        self.count += other.count
        self.exact += other.exact
        self.max_ulp = max(self.max_ulp, other.max_ulp)
        self.ulps.merge(other.ulps)
        self.errors.merge(other.errors)
        self.values.merge(other.values)
        self.histogram.update(other.histogram)

    @property
    def rms_ulp(self) -> float:
        """The root mean square of the errors in ulp; 0 without numbers."""
        return self.ulps.by(ONE, self.count)

    @property
    def relative(self) -> float:
        """The norm of the errors divided by that of the values: at most 2."""
        return self.errors.by(self.values)

    def as_plain(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "count": self.count,
            "exact": self.exact,
            "relative": self.relative,
            "max_ulp": self.max_ulp,
            "rms_ulp": self.rms_ulp,
            "histogram": {str(k): self.histogram[k] for k in sorted(self.histogram)},
        }
