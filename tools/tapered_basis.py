"""Posits and takums of up to 16 bits by their definitions: sorted tables of numbers and boundaries.

Values are read from codes as text (numlean.testing.tapered), as rationals. Nothing here uses the
routines of numlean. The boundary between two codes is the value of the code of one bit more between
them. All numbers and boundaries have so few bits that binary64 has them, and their products too, as
long as exponents fit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace
from fractions import Fraction

import numpy as np

from numlean.testing.tapered import value_of


class Basis:
    """The numbers and boundaries of a format.

    Attributes:
        format: The format.
        values: The value of each code, in binary64; a NaN for NaR.
        fractions: The same as rationals; None for NaR.
        boundaries: The boundaries between the codes of positive numbers, in binary64, ascending.
        rationals: The same as rationals.
    """

    def __init__(self, format):
        self.format = format
        positive = [value_of(format, code) for code in range(1, format.nar)]
        negative = [value_of(format, code) for code in range(format.nar + 1, 2 * format.nar)]
        self.fractions = [Fraction(0), *positive, None, *negative]
        longer = replace(format, width=format.width + 1)
        self.rationals = [value_of(longer, 2 * code + 1) for code in range(1, format.greatest)]
        self.values = np.array([np.nan if v is None else float(v) for v in self.fractions])
        self.boundaries = np.array([float(v) for v in self.rationals])
        assert all(v is None or Fraction(float(v)) == v for v in (*self.fractions, *self.rationals))
        assert (np.diff(self.boundaries) > 0).all()

    def codes(self, s, rest):
        """Return the codes of real numbers, rounded once: of s where the sign ``rest`` is 0.

        The number is more than s where ``rest`` is 1, less where it is -1, and nearer to s than any
        other number of binary64.
        """
        size, rest = np.abs(s), np.where(s < 0, -rest, rest)
        below = np.searchsorted(self.boundaries, size, "left")
        is_boundary = self.boundaries[np.minimum(below, len(self.boundaries) - 1)] == size
        # A number on a boundary is between the codes below + 1 and below + 2: the even one.
        tie = np.where(rest == 0, (below + 1) % 2, rest > 0)
        code = below + 1 + np.where(is_boundary, tie, 0)
        code = np.where(s < 0, -code, code) & self.format.code_mask
        return np.where(s == 0, 0, np.where(np.isnan(s), self.format.nar, code))

    def code(self, q):
        """Return the code of a rational, rounded once; NaR for None."""
        if q is None:
            return self.format.nar
        size = abs(q)
        low, high = (
            bisect_left(self.rationals, size),
            bisect_right(self.rationals, size),
        )
        code = low + 1 + ((low + 1) % 2 if low != high else 0)
        return 0 if q == 0 else (-code & self.format.code_mask if q < 0 else code)


def two_sum(a, b):
    """Return a + b in binary64, and the exact rest (Knuth): no overflow, no underflow."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def exact_results(basis):
    """Return operations on values in binary64: the rounded result and the sign of the rest."""

    def add(a, b):
        s, rest = two_sum(a, b)
        return s, np.sign(rest)

    def div(a, b):
        q = np.where(b == 0, np.nan, a / np.where(b == 0, 1.0, b))
        # Only next to a boundary the rest matters, and there q * b is exact.
        return q, np.sign(a - q * b) * np.sign(b)

    def sqrt(a):
        root = np.sqrt(a)
        return root, np.sign(a - root * root)

    def fma(a, b, c):
        return add(a * b, c)

    return {
        "add": add,
        "sub": lambda a, b: add(a, -b),
        "mul": lambda a, b: (a * b, np.zeros(a.shape)),
        "div": div,
        "sqrt": sqrt,
        "fma": fma,
    }
