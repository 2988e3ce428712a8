"""An independent model of IEEE 754 arithmetic: exact rationals, rounded by searching a table.

It shares no step with the routines under test: no shifting, no sticky bits, no encodings taken
apart by masks other than to list a format's values. It is slow and meant for small formats.
"""

from bisect import bisect_right
from fractions import Fraction
from functools import cache
from math import isqrt

import pytest

INEXACT, UNDERFLOW, OVERFLOW, DIVIDE_BY_ZERO, INVALID = 1, 2, 4, 8, 16


class Model:
    """Results and flags of operations on encodings, for the NaN rule ``canonical``."""

    def __init__(self, arithmetic):
        self.arithmetic = arithmetic
        self.format = f = arithmetic.format
        self.rounding = arithmetic.rounding.value
        self.tininess = arithmetic.tininess.value
        self.flush = arithmetic.subnormal.value == "flush"
        self.saturate = arithmetic.overflow.value == "saturate"
        self.sign = 1 << (f.exponent_bits + f.trailing_bits)
        self.nan = (
            (self.sign - 1)
            if not f.has_infinity
            else (((1 << f.exponent_bits) - 1) << f.trailing_bits | 1 << (f.trailing_bits - 1))
        )
        self.values = []  # of nonnegative finite encodings, ascending
        for encoding in range(self.sign):
            exponent, trailing = divmod(encoding, 1 << f.trailing_bits)
            top = exponent == (1 << f.exponent_bits) - 1
            if top and (f.has_infinity or encoding == self.sign - 1):
                break
            scale = Fraction(2) ** (max(exponent, 1) - (2 ** (f.exponent_bits - 1) - 1))
            significand = Fraction(trailing, 1 << f.trailing_bits) + (exponent > 0)
            self.values.append(significand * scale)
        self.infinity = len(self.values) if f.has_infinity else None
        self.min_normal = self.values[1 << f.trailing_bits]

    def is_nan(self, a):
        magnitude = a & (self.sign - 1)
        return magnitude >= len(self.values) and magnitude != self.infinity

    def is_signalling(self, a):
        quiet = 1 << (self.format.trailing_bits - 1)
        return self.format.has_infinity and self.is_nan(a) and not a & quiet

    def is_infinite(self, a):
        return self.infinity is not None and (a & (self.sign - 1)) == self.infinity

    def value(self, a):
        magnitude = self.values[a & (self.sign - 1)]
        return -magnitude if a & self.sign else magnitude

    def accept(self, a):
        if self.flush and 0 < (a & (self.sign - 1)) < 1 << self.format.trailing_bits:
            return a & self.sign
        return a

    def infinite(self, negative):
        sign = self.sign if negative else 0
        if self.saturate:
            return sign | (len(self.values) - 1)
        return self.nan if self.infinity is None else sign | self.infinity

    def up(self, negative, below, exact, above, below_is_odd):
        """Whether a magnitude strictly between two neighbours goes to the upper one."""
        if self.rounding == "toward_zero":
            return False
        if self.rounding == "toward_positive":
            return not negative
        if self.rounding == "toward_negative":
            return negative
        if self.rounding == "to_odd":
            return not below_is_odd
        middle = (below + above) / 2
        if exact == middle:
            return self.rounding == "ties_to_away" or below_is_odd
        return exact > middle

    def round_unbounded(self, negative, exact):
        """|exact| > 0 rounded to the precision with unbounded exponent."""
        ulp = Fraction(1)
        precision = self.format.trailing_bits + 1
        while exact / ulp >= 1 << precision:
            ulp *= 2
        while exact / ulp < 1 << (precision - 1):
            ulp /= 2
        below = exact // ulp
        if below * ulp == exact:
            return exact
        up = self.up(negative, below * ulp, exact, (below + 1) * ulp, below % 2 == 1)
        return (below + up) * ulp

    def round(self, negative, exact):
        """The encoding and flags of a nonzero magnitude."""
        sign = self.sign if negative else 0
        unbounded = self.round_unbounded(negative, exact)
        judged = exact if self.tininess == "before" else unbounded
        tiny = judged < self.min_normal
        if tiny and self.flush:
            return sign, UNDERFLOW | INEXACT
        if unbounded > self.values[-1]:
            goes = {
                "toward_zero": False,
                "to_odd": False,
                "toward_positive": not negative,
                "toward_negative": negative,
            }.get(self.rounding, True)
            z = self.infinite(negative) if goes else sign | (len(self.values) - 1)
            return z, OVERFLOW | INEXACT
        k = bisect_right(self.values, exact) - 1
        if self.values[k] == exact:
            return sign | k, 0
        above = self.values[k + 1] if k + 1 < len(self.values) else None
        if above is None or self.up(negative, self.values[k], exact, above, k % 2 == 1):
            k += above is not None
        return sign | k, INEXACT | (UNDERFLOW if tiny else 0)

    def signed(self, exact, zero_sign):
        if exact == 0:
            return (self.sign if zero_sign else 0), 0
        return self.round(exact < 0, abs(exact))

    def nan_of(self, *operands):
        return self.nan, INVALID if any(map(self.is_signalling, operands)) else 0

    def sum_zero(self, negative_a, negative_b):
        if negative_a == negative_b:
            return negative_a
        return self.rounding == "toward_negative"

    def add(self, a, b):
        a, b = self.accept(a), self.accept(b)
        if self.is_nan(a) or self.is_nan(b):
            return self.nan_of(a, b)
        negative_a, negative_b = bool(a & self.sign), bool(b & self.sign)
        if self.is_infinite(a) or self.is_infinite(b):
            if self.is_infinite(a) and self.is_infinite(b) and negative_a != negative_b:
                return self.nan, INVALID
            return self.infinite(negative_a if self.is_infinite(a) else negative_b), 0
        return self.signed(self.value(a) + self.value(b), self.sum_zero(negative_a, negative_b))

    def sub(self, a, b):
        if self.is_nan(a) or self.is_nan(b):
            return self.nan_of(a, b)
        return self.add(a, b ^ self.sign)

    def mul(self, a, b):
        a, b = self.accept(a), self.accept(b)
        if self.is_nan(a) or self.is_nan(b):
            return self.nan_of(a, b)
        negative = bool((a ^ b) & self.sign)
        zero = any((x & (self.sign - 1)) == 0 for x in (a, b))
        if self.is_infinite(a) or self.is_infinite(b):
            return (self.nan, INVALID) if zero else (self.infinite(negative), 0)
        return self.signed(self.value(a) * self.value(b), negative)

    def div(self, a, b):
        a, b = self.accept(a), self.accept(b)
        if self.is_nan(a) or self.is_nan(b):
            return self.nan_of(a, b)
        negative = bool((a ^ b) & self.sign)
        zero_a, zero_b = ((x & (self.sign - 1)) == 0 for x in (a, b))
        if self.is_infinite(a):
            return (self.nan, INVALID) if self.is_infinite(b) else (self.infinite(negative), 0)
        if self.is_infinite(b):
            return (self.sign if negative else 0), 0
        if zero_b:
            return (self.nan, INVALID) if zero_a else (self.infinite(negative), DIVIDE_BY_ZERO)
        return self.signed(self.value(a) / self.value(b), negative)

    def sqrt(self, a):
        a = self.accept(a)
        if self.is_nan(a):
            return self.nan_of(a)
        if (a & (self.sign - 1)) == 0:
            return a, 0
        if a & self.sign:
            return self.nan, INVALID
        if self.is_infinite(a):
            return self.infinite(False), 0
        # A rational that rounds as the root does: 2 * 40 bits of it, and a mark if there are more.
        value = self.value(a)
        shifted = value * 4**60
        root = isqrt(shifted.numerator // shifted.denominator)
        more = Fraction(root) ** 2 != shifted
        return self.signed((Fraction(root) + Fraction(more, 2)) / 2**60, False)

    def fma(self, a, b, c):
        a, b, c = self.accept(a), self.accept(b), self.accept(c)
        if self.is_nan(a) or self.is_nan(b) or self.is_nan(c):
            return self.nan_of(a, b, c)
        negative, negative_c = bool((a ^ b) & self.sign), bool(c & self.sign)
        zero = any((x & (self.sign - 1)) == 0 for x in (a, b))
        if self.is_infinite(a) or self.is_infinite(b):
            opposed = self.is_infinite(c) and negative != negative_c
            return (self.nan, INVALID) if zero or opposed else (self.infinite(negative), 0)
        if self.is_infinite(c):
            return self.infinite(negative_c), 0
        exact = self.value(a) * self.value(b) + self.value(c)
        return self.signed(exact, self.sum_zero(negative, negative_c))


@pytest.fixture(scope="session")
def model():
    """``model(arithmetic)``: the independent model of it."""
    return cache(Model)
