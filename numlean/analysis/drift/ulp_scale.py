"""Distances between numbers in ulps of an arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from numlean.scalar.precision import least_exponent_of_all_bits, precision_of
from numlean.scalar.protocol import Scalar, Storage

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class UlpScale:
    """The spacing of the numbers of a format, or of a precision.

    Attributes:
        name: The name of the arithmetic.
        precision: The number of significant bits.
        emin: The least exponent of a normal number: below it numbers are evenly spaced, as all
            fixed-point numbers are. None if they never are.
    """

    name: str
    precision: int
    emin: int | None = None

    @classmethod
    def of(cls, scalar: Scalar) -> UlpScale:
        """Return the scale of a Scalar's numbers."""
        return cls(scalar.name, precision_of(scalar), least_exponent_of_all_bits(scalar))

    def coarser(self, other: UlpScale) -> UlpScale:
        """Return the scale with fewer significant bits."""
        return self if self.precision <= other.precision else other

    def ulps(self, error: Floats, a: Floats, b: Floats) -> Floats:
        """Return magnitudes of errors a - b in ulps of the greater of a and b.

        No error exceeds 2**(precision + 1), where not a single bit is right. All arrays are finite
        and have the same shape.
        """
        _, exponents = np.frexp(np.maximum(np.abs(a), np.abs(b)))
        exponents = exponents - 1
        if self.emin is not None:
            exponents = np.maximum(exponents, self.emin)
        # A power of two beyond binary64's range would be infinite, so it is applied in halves.
        shift = self.precision - 1 - exponents
        half = shift // 2
        ulps: Floats = np.ldexp(np.ldexp(np.abs(error), half), shift - half)
        return ulps


def floats_of(scalar: Scalar, x: Storage) -> Floats:
    """Return numbers rounded to binary64, once, or twice if subnormal there and unbounded."""
    if scalar.format is not None:
        return scalar.to_float(x)
    values = [float(value) for value in scalar.to_exact(x).flat]
    return np.array(values).reshape(x.shape)
