"""The reference of logarithmic arithmetics, by powers of rationals and without logarithms."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import final

import numpy as np

from numlean.scalar.protocol import Scalar, Storage
from numlean.testing.reference import Number, Reference
from numlean.testing.rounding import floor_log2, power_of_two
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.logarithmic.formats import LogArithmetic

_SNAP = 40
"""Rationals that differ from a number or a tie by less than 2**-40 of a unit stand for it."""

_LONG = 110
"""The bits of a numerator that no number has but one of the Scalar's, or computed from these."""


@final
class LogReference(Reference):
    """The reference of a logarithmic arithmetic.

    The numbers of the Scalar are irrational, and rationals near them stand for them. So a
    difference that is nearer to zero than that of any two products is zero.
    """

    has_infinity = False
    has_signed_zero = False

    def __init__(self, scalar: Scalar, arithmetic: LogArithmetic) -> None:
        format = arithmetic.format
        super().__init__(scalar, precision=(2 << format.integer_bits) + format.fraction_bits + 60)
        self.arithmetic = arithmetic
        self._zero_below = power_of_two(-(1 << format.integer_bits) - format.fraction_bits - 40)

    def rounded(self, q: Fraction, sign_of_zero: float = 1.0) -> Number:
        """Return the nearest number by its logarithm, or the one in the direction of the value."""
        format = self.arithmetic.format
        if abs(q) < self._zero_below and self._is_difference(q):
            return 0.0
        half_units, more = self._log(abs(q), format.fraction_bits + 1)
        n, half = half_units >> 1, half_units & 1
        n += self._goes_up(n, half, more, negative=q < 0)
        n = max(-format.greatest_log, min(format.greatest_log, n))
        code = n & format.log_mask | (format.sign_mask if q < 0 else 0)
        return self.number(np.array([code], dtype=self.scalar.storage_dtype))

    def _is_difference(self, q: Fraction) -> bool:
        """Return whether a value may be the rest of a difference: zero, or one of many bits."""
        return q == 0 or q.numerator.bit_length() > _LONG

    def _goes_up(self, n: int, half: int, more: bool, *, negative: bool) -> bool:
        inexact = half != 0 or more
        return {
            Rounding.TIES_TO_EVEN: bool(half) and (more or n % 2 == 1),
            Rounding.TIES_TO_AWAY: bool(half),
            Rounding.TOWARD_ZERO: False,
            Rounding.TOWARD_POSITIVE: inexact and not negative,
            Rounding.TOWARD_NEGATIVE: inexact and negative,
            Rounding.TO_ODD: inexact and n % 2 == 0,
            Rounding.AWAY_FROM_ZERO: inexact,
        }[self.arithmetic.rounding]

    def _log(self, q: Fraction, bits: int) -> tuple[int, bool]:
        """Return log2(q) in units of 2**-bits, rounded down, and whether there is more.

        By the bits of the logarithm: q**2 is at least 2 where the next bit is one.
        """
        e = floor_log2(q)
        x, n = _cut(q / power_of_two(e)), e
        for _ in range(bits):
            x = _cut(x * x)
            n, x = (2 * n + 1, x / 2) if x >= 2 else (2 * n, x)
        if x - 1 < power_of_two(-_SNAP):
            return n, False
        return (n + 1, False) if 2 - x < power_of_two(-_SNAP) else (n, True)

    def infinite(self, sign: float) -> Number:
        """Return the greatest number; a number divided by zero is a NaN, which ``_exact`` knows."""
        format = self.arithmetic.format
        code = format.greatest_log | (format.sign_mask if sign < 0 else 0)
        return self.number(np.array([code], dtype=self.scalar.storage_dtype))

    def divided_by_zero(self, sign: float) -> Number:
        """Return a NaN."""
        return math.nan

    def edges(self) -> Storage:
        """Return both ends, numbers around one, zero and the NaN."""
        format = self.arithmetic.format
        logs = {0, 1, 2, -1, format.greatest_log, format.greatest_log - 1, -format.greatest_log}
        logs |= {1 - format.greatest_log, 1 << format.fraction_bits, -(1 << format.fraction_bits)}
        codes = {n & format.log_mask for n in logs}
        codes |= {code | format.sign_mask for code in codes} | {format.zero, format.nan}
        return np.array(sorted(codes), dtype=self.scalar.storage_dtype)

    def random(self, rng: np.random.Generator, count: int) -> Storage:
        """Return random codes, half of them of numbers near one."""
        near = self.scalar.from_float(rng.standard_normal(count - count // 2))
        codes = rng.integers(0, 1 << self.arithmetic.format.width, count // 2, dtype=np.uint64)
        return np.concatenate([codes.astype(near.dtype), near])


def _cut(x: Fraction) -> Fraction:
    """Return a number from 1 to 4 cut to 400 bits."""
    return Fraction((x.numerator << 400) // x.denominator, 1 << 400)
