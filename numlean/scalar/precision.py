"""The precision of a Scalar's numbers, and their extent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, final

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar.exact import exact_of
from numlean.scalar.innermost import innermost
from numlean.scalar.protocol import Scalar
from numlean_kernels.formats import BINARY64, Format

_FAR: Final = 1 << 2000
"""A power of two beyond every number of a bounded exponent."""


def precision_of(scalar: Scalar) -> int:
    """Return the number of bits of a normal number's significand, including the leading one."""
    if scalar.format is not None:
        return scalar.format.precision
    codec = getattr(innermost(scalar), "codec", None)
    if codec is not None:
        return int(codec.precision)
    # A third to nearest, of p bits, ends in a one whatever p is.
    third = scalar.div(scalar.from_float([1.0]), scalar.from_float([3.0]))
    return int(exact_of(scalar.to_exact(third)[0]).bits)


@final
@dataclass(frozen=True)
class Extent:
    """The powers of two between which all bits of an arithmetic's finite numbers lie.

    Attributes:
        precision: The most significant bits of a number.
        greatest: The exponent of the greatest number.
        least: The exponent of the least number.
    """

    precision: int
    greatest: int
    least: int

    @classmethod
    def of_format(cls, format: Format) -> Extent:
        """Return the extent of a format."""
        return cls(format.precision, format.emax, format.emin - format.trailing_bits)

    def contains(self, other: Extent) -> bool:
        """Return whether a format of this extent has every number of the other one."""
        fits = other.greatest <= self.greatest and other.least >= self.least
        return fits and other.precision <= self.precision


BINARY64_EXTENT: Final = Extent.of_format(BINARY64)


def is_unbounded(scalar: Scalar) -> bool:
    """Return whether exponents are unbounded."""
    if scalar.format is not None:
        return False
    (value,) = scalar.to_exact(scalar.from_exact([_FAR]))
    return exact_of(value).leading_exponent == _FAR.bit_length() - 1


def extent_of(scalar: Scalar) -> Extent | None:
    """Return the extent of a Scalar's numbers; None if it is unbounded or unknown."""
    if scalar.format is not None:
        return Extent.of_format(scalar.format)
    inner: Any = innermost(scalar)
    # What is computed here is no part of a program that is recorded.
    return _extent_of_codes(inner.without_recorder()) if hasattr(inner, "codec") else None


def magnitudes_of(scalar: Scalar) -> tuple[int, int] | None:
    """Return the exponents of the least and of the greatest number; None if they are unbounded."""
    format = scalar.format
    if format is not None:
        return format.emin - (format.trailing_bits if format.has_zero else 0), format.emax
    inner: Any = innermost(scalar)
    return _magnitudes_of_codes(inner.without_recorder()) if hasattr(inner, "codec") else None


def least_exponent_of_all_bits(scalar: Scalar) -> int | None:
    """Return the exponent of the least normal number: below it numbers are as far apart as there.

    None if numbers never become evenly spaced, as those of unbounded exponents and logarithms.
    """
    if scalar.format is not None:
        return scalar.format.emin
    inner: Any = innermost(scalar)
    return _least_of_all_bits(inner.without_recorder()) if hasattr(inner, "codec") else None


@cache
def _least_of_all_bits(scalar: Any) -> int | None:
    if _magnitudes_of_codes(scalar) is None:
        return None
    least = scalar.next_up(scalar.from_float([0.0]))
    first, second = (value for x in (least, scalar.next_up(least)) for value in scalar.to_exact(x))
    if second not in (first, 2 * first):  # the same number, if there is none above it
        return None
    return exact_of(first).leading_exponent + precision_of(scalar) - 1


@cache
def _magnitudes_of_codes(scalar: Any) -> tuple[int, int] | None:
    if is_unbounded(scalar):
        return None
    try:
        least = scalar.next_up(scalar.from_float([0.0]))
    except UnavailableError:
        return None
    ends = scalar.to_exact(np.concatenate([least, scalar.from_exact([_FAR])]))
    smallest, greatest = (exact_of(value) for value in ends)
    if not greatest.is_finite or not smallest.is_finite or smallest.is_zero:
        return None
    return smallest.leading_exponent, greatest.leading_exponent


@cache
def _extent_of_codes(scalar: Any) -> Extent | None:
    if is_unbounded(scalar):
        return None
    try:
        least = scalar.next_up(scalar.from_float([0.0]))
    except UnavailableError:
        return None
    ends = scalar.to_exact(np.concatenate([scalar.from_exact([_FAR]), least]))
    greatest, smallest = (exact_of(value) for value in ends)
    if not greatest.is_finite or not smallest.is_finite or smallest.is_zero:
        return None
    # The values of logarithmic numbers have more bits than their precision.
    precision = max(precision_of(scalar), int(greatest.bits), int(smallest.bits))
    return Extent(precision, greatest.leading_exponent, int(smallest.exponent))
