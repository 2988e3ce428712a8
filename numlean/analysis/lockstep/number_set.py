"""The set of numbers of a format, and rounding to it with both neighbours where it is uncertain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Self, TypeAlias

import numpy as np

from numlean.scalar.exact import Exact, exact_of, to_mpf
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar
from numlean_kernels.formats import BINARY64, Format

Values: TypeAlias = np.ndarray[Any, Any]
"""Binary64 numbers, or ``mpmath.mpf``."""

Neighbours: TypeAlias = tuple[Values, Values]
"""For each number the lesser and the greater candidate of its rounding; mostly the same."""


@dataclass(frozen=True)
class NumberSet:
    """The numbers m * 2**e with abs(m) < 2**precision, within bounds.

    Attributes:
        precision: The number of significant bits.
        least: The least e; None if exponents are unbounded.
        greatest: The greatest magnitude; None if exponents are unbounded.
    """

    precision: int
    least: int | None = None
    greatest: Fraction | None = None

    @classmethod
    def of(cls, scalar: Scalar) -> Self:
        """Return the numbers of a Scalar."""
        if scalar.format is None:
            return cls(precision_of(scalar))
        return cls.of_format(scalar.format)

    @classmethod
    def of_format(cls, format: Format) -> Self:
        """Return the finite numbers of a format."""
        least = format.emin - format.precision + 1
        significand = (format.max_finite & format.trailing_mask) | format.implicit_bit
        greatest = Fraction(significand) * Fraction(2) ** (format.emax - format.trailing_bits)
        return cls(format.precision, least, greatest)

    def intersection(self, other: NumberSet) -> NumberSet:
        """Return the numbers that both have."""
        precision = min(self.precision, other.precision)
        leasts = [x.least for x in (self, other) if x.least is not None]
        bounds = [x.greatest for x in (self, other) if x.greatest is not None]
        greatest = _truncated(min(bounds), precision) if bounds else None
        return NumberSet(precision, max(leasts, default=None), greatest)

    def contains(self, other: NumberSet) -> bool:
        """Return whether it has all numbers of another set."""
        return self.intersection(other) == other

    @property
    def fineness(self) -> tuple[int, float]:
        """A key that is less for a coarser set: by precision, then by the least exponent."""
        return self.precision, float("inf") if self.least is None else -self.least

    def neighbours_of_floats(self, x: Values, rounding: str) -> Neighbours:
        """Return the candidates for binary64 numbers, without a greatest magnitude.

        Infinities and NaNs stay. The set must have no more bits than binary64.
        """
        is_number = np.isfinite(x)
        finite = np.where(is_number, x, 0.0)
        exponents = np.frexp(finite)[1] - self.precision
        if self.least is not None:
            exponents = np.maximum(exponents, self.least)
        low, high = _neighbouring_integers(np.ldexp(finite, -exponents), rounding)
        with np.errstate(over="ignore"):
            found = [np.ldexp(m, exponents) for m in (low, high)]
        return np.where(is_number, found[0], x), np.where(is_number, found[1], x)

    def neighbours_of_exact(self, x: Values, rounding: str) -> Neighbours:
        """Return the same for ``mpmath.mpf`` of any precision, one by one."""
        pairs = [self._candidates(value, rounding) for value in x.flat]
        low, high = (
            np.fromiter((pair[k] for pair in pairs), dtype=object, count=len(pairs)) for k in (0, 1)
        )
        return low.reshape(x.shape), high.reshape(x.shape)

    def _candidates(self, value: Any, rounding: str) -> tuple[Any, Any]:
        exact = exact_of(value)
        if not exact.is_finite or not exact.significand:
            return value, value
        exponent = exact.exponent + exact.bits - self.precision
        if self.least is not None:
            exponent = max(exponent, self.least)
        shift = exponent - exact.exponent
        if shift <= 0:
            return value, value
        low, high = _scaled_neighbours(exact, shift, rounding)
        return _mpf(low, exponent), _mpf(high, exponent)

    def __str__(self) -> str:
        parts = [f"{self.precision} bits"]
        if self.least is not None:
            parts.append(f"multiples of 2^{self.least}")
        if self.greatest is not None:
            parts.append(f"at most {float(self.greatest):.6g}")
        return ", ".join(parts)


def _truncated(value: Fraction, precision: int) -> Fraction:
    """Return the greatest number of a precision that does not exceed a positive dyadic one."""
    surplus = value.numerator.bit_length() - precision
    if surplus <= 0:
        return value
    return Fraction(value.numerator >> surplus << surplus, value.denominator)


def _neighbouring_integers(t: Values, rounding: str) -> Neighbours:
    """Return the candidates for numbers of magnitude at most 2**53 among the integers."""
    floor, ceil = np.floor(t), np.ceil(t)
    if rounding in _DIRECTED:
        z = np.where(_DIRECTED[rounding](floor, floor == t, t < 0), floor, ceil)
        return z, z
    if rounding == _RANDOM:
        return floor, ceil
    is_tie, nearest = t - floor == 0.5, np.rint(t)
    return np.where(is_tie, floor, nearest), np.where(is_tie, ceil, nearest)


def _scaled_neighbours(exact: Exact, shift: int, rounding: str) -> tuple[int, int]:
    """Return the candidates for a number divided by two to a power, among the integers."""
    # Far below half an integer, the exact distance does not matter.
    shift = min(shift, exact.bits + 2)
    signed = int(-exact.significand if exact.sign else exact.significand)
    floor, rest = divmod(signed, 1 << shift)
    half = 1 << (shift - 1)
    if rounding in _DIRECTED:
        z = floor if _DIRECTED[rounding](floor, rest == 0, signed < 0) else floor + 1
        return z, z
    if rounding == _RANDOM or rest == half:
        return floor, floor + 1
    z = floor if rest < half else floor + 1
    return z, z


_RANDOM: Final = "stochastic"
"""With this rounding, both neighbours are candidates."""

_DIRECTED: Final[dict[str, Callable[[Any, Any, Any], Any]]] = {
    "toward_negative": lambda floor, is_exact, is_negative: is_exact | True,
    "toward_positive": lambda floor, is_exact, is_negative: is_exact,
    "toward_zero": lambda floor, is_exact, is_negative: is_exact | (is_negative ^ True),
    "to_odd": lambda floor, is_exact, is_negative: is_exact | (floor % 2 == 1),
    "away_from_zero": lambda floor, is_exact, is_negative: is_exact | is_negative,
}
"""For each directed rounding, whether it rounds a number to its floor; others are to nearest."""


def _mpf(m: int, exponent: int) -> Any:
    from mpmath import libmp

    return to_mpf(libmp.from_man_exp(m, exponent))


BINARY64_NUMBERS: Final = NumberSet.of_format(BINARY64)
