"""Formats of IEEE P3109 by the formulas of the draft, in exact rationals.

They share nothing with numlean: how a code is decoded, what the special codes are, and how a result
is rounded, saturated and encoded.
"""

import math
from fractions import Fraction
from functools import cached_property

DIRECTIONS = (
    *("ties_to_even", "ties_to_away", "toward_zero", "toward_positive", "toward_negative"),
    *("to_odd", "away_from_zero"),
)
SATURATIONS = ("infinite", "saturate", "saturate_finite")
"""OvfInf, SatFinite and SatPropagate of the draft."""


class Draft:
    """A format, by the width K, the precision P, and whether it is signed and extended."""

    def __init__(self, name):
        """Take a name such as ``8.4``, ``8.3uf`` or ``6.2se``."""
        head, _, letters = name.partition(".")
        digits = "".join(c for c in letters if c.isdigit())
        self.k, self.p = int(head), int(digits)
        self.signed, self.extended = "u" not in letters, "f" not in letters
        self.bias = 2 ** (self.k - self.p - (1 if self.signed else 0))
        self.half = 2 ** (self.k - 1)
        self.nan = self.half if self.signed else 2**self.k - 1
        top = self.half if self.signed else 2**self.k - 1
        self.infinity = top - 1 if self.extended else None
        self.greatest = top - 1 - self.extended

    def value(self, code):
        """Return the value of a code."""
        if code == self.nan:
            return math.nan
        if self.signed and code > self.half:
            return -self.value(code - self.half)
        if code == self.infinity:
            return math.inf
        exponent, trailing = divmod(code, 2 ** (self.p - 1))
        if exponent == 0:
            return trailing * Fraction(2) ** (2 - self.p - self.bias)
        significand = 1 + trailing * Fraction(2) ** (1 - self.p)
        return significand * Fraction(2) ** (exponent - self.bias)

    @cached_property
    def codes(self):
        """The codes of the finite numbers that are not negative, by their values."""
        return {self.value(code): code for code in range(self.greatest + 1)}

    def encode(self, x, rounding, saturation):
        """Return the code of a rational, an infinity or a NaN."""
        if x != x:
            return self.nan
        negative = x < 0
        if negative and not self.signed:
            return 0
        sign = self.half if negative else 0
        if abs(x) == math.inf:
            keeps = self.extended and saturation != "saturate"
            return sign | (self.infinity if keeps else self.greatest)
        found = self.rounded(abs(x), negative, rounding)
        if found == 0:
            return 0
        if found > self.value(self.greatest):
            clamps = saturation != "infinite" or {
                "toward_zero": True,
                "toward_positive": negative,
                "toward_negative": not negative,
                "to_odd": not self.signed,
            }.get(rounding, False)
            return sign | (self.greatest if clamps else self.infinity)
        return sign | self.codes[found]

    def rounded(self, magnitude, negative, rounding):
        """Return a magnitude rounded to the precision, with exponents unbounded above."""
        if magnitude == 0:
            return 0
        e = max(floor_log2(magnitude), 1 - self.bias) - self.p + 1
        scaled = magnitude * Fraction(2) ** -e
        whole = scaled.numerator // scaled.denominator
        is_even = whole % 2 == 0 if self.p > 1 else whole == 0 or (e + self.bias) % 2 == 0
        whole += rounds_up(rounding, scaled - whole, is_even, negative)
        return whole * Fraction(2) ** e


def floor_log2(q):
    """Return the e with 2**e <= q < 2**(e + 1)."""
    e = q.numerator.bit_length() - q.denominator.bit_length()
    return e if Fraction(2) ** e <= q else e - 1


def rounds_up(rounding, rest, is_even, negative):
    """Return whether a magnitude with a rest after its last bit is rounded up."""
    half = Fraction(1, 2)
    if rounding == "ties_to_even":
        return rest > half or (rest == half and not is_even)
    if rounding == "ties_to_away":
        return rest >= half
    if rounding == "toward_zero":
        return False
    if rounding == "toward_positive":
        return rest > 0 and not negative
    if rounding == "toward_negative":
        return rest > 0 and negative
    if rounding == "to_odd":
        return rest > 0 and is_even
    assert rounding == "away_from_zero"
    return rest > 0
