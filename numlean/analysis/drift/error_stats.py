"""Statistics of the errors of many numbers: a few figures and a histogram."""

from __future__ import annotations

import math
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

    A number that is finite where the expected one is not, or the reverse, has an infinite error; of
    two numbers that are not finite, the error is unknown. Both reach ``max_ulp``, ``rms_ulp`` and
    ``relative``, so that no statistic of the finite numbers alone stands for all of them.

    Attributes:
        count: The count of finite numbers measured.
        exact: The count of finite numbers without error.
        infinite: The count of infinite errors.
        unknown: The count of unknown errors.
        finite_max_ulp: The greatest error of the finite numbers.
        ulps: The norm of the errors in ulp.
        errors: The norm of the errors themselves.
        values: The norm of the numbers, or of the expected ones where those are greater.
        histogram: The count of errors in [2**k, 2**(k + 1)) ulp, by k.
    """

    count: int = 0
    exact: int = 0
    infinite: int = 0
    unknown: int = 0
    finite_max_ulp: float = 0.0
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
        self.finite_max_ulp = max(self.finite_max_ulp, float(ulps.max()))
        self.ulps.add(ulps)
        self.errors.add(errors)
        self.values.add(np.maximum(np.abs(values), np.abs(expected)))
        self.histogram.update(by_power_of_two(ulps))

    def add_specials(self, *, infinite: int, unknown: int) -> None:
        """Count pairs of numbers that are not both finite."""
        self.infinite += infinite
        self.unknown += unknown

    def merge(self, other: ErrorStats) -> None:
        """Add the counts of another one."""
        self.count += other.count
        self.exact += other.exact
        self.infinite += other.infinite
        self.unknown += other.unknown
        self.finite_max_ulp = max(self.finite_max_ulp, other.finite_max_ulp)
        self.ulps.merge(other.ulps)
        self.errors.merge(other.errors)
        self.values.merge(other.values)
        self.histogram.update(other.histogram)

    @property
    def max_ulp(self) -> float:
        """The greatest error; 0 without numbers."""
        return self._with_specials(self.finite_max_ulp)

    @property
    def rms_ulp(self) -> float:
        """The root mean square of the errors in ulp; 0 without numbers."""
        return self._with_specials(self.ulps.by(ONE, self.count))

    @property
    def relative(self) -> float:
        """The norm of the errors divided by that of the values: at most 2, or infinite, or NaN."""
        return self._with_specials(self.errors.by(self.values))

    @property
    def is_measured(self) -> bool:
        """Whether there are any numbers, finite or not."""
        return bool(self.count or self.infinite or self.unknown)

    def _with_specials(self, value: float) -> float:
        """Return a statistic of the finite numbers, or infinity or NaN if there are others."""
        return math.inf if self.infinite else math.nan if self.unknown else value

    def as_plain(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "count": self.count,
            "exact": self.exact,
            "infinite": self.infinite,
            "unknown": self.unknown,
            "relative": self.relative,
            "max_ulp": self.max_ulp,
            "rms_ulp": self.rms_ulp,
            "histogram": plain_histogram(self.histogram),
        }


def by_power_of_two(errors: Floats) -> Counter[int]:
    """Return the count of errors in [2**k, 2**(k + 1)), by k, without those that are zero."""
    _, exponents = np.frexp(errors[errors > 0])
    bins, counts = np.unique(np.maximum(exponents - 1, LEAST_BIN), return_counts=True)
    return Counter(dict(zip(bins.tolist(), counts.tolist(), strict=True)))


def plain_histogram(histogram: Counter[int]) -> dict[str, int]:
    """Return a histogram with texts as keys, in ascending order."""
    return {str(k): histogram[k] for k in sorted(histogram)}
