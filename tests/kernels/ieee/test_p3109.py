"""Formats of IEEE P3109, against the formulas of the draft in exact rationals.

The formulas are written here again, without a model of numlean: how a code is decoded, what the
special codes are, and how a result is rounded, saturated and encoded.
"""

import math
import struct
from fractions import Fraction
from itertools import pairwise

import pytest

from numlean_kernels.formats import parse_p3109
from numlean_kernels.ieee import Arithmetic, Overflow, Rounding
from numlean_kernels.tables.exact import encoder
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets import get_target

PYTHON = get_target("python")
NAMES = [
    *(f"{k}.{p}{domain}" for k in (3, 5, 6) for p in range(1, k) for domain in ("", "f")),
    *(f"{k}.{p}u{domain}" for k in (3, 5) for p in range(1, k + 1) for domain in ("", "f")),
    *("8.3", "8.4", "8.1", "8.5f", "8.4u", "8.8uf"),
]
DIRECTIONS = [r for r in Rounding if r is not Rounding.STOCHASTIC]


class Draft:
    """A format as the draft defines it."""

    def __init__(self, name):
        head, _, letters = name.partition(".")
        digits = "".join(c for c in letters if c.isdigit())
        self.k, self.p = int(head), int(digits)
        self.signed, self.extended = "u" not in letters, "f" not in letters
        self.bias = Fraction(2) ** (self.k - self.p - (1 if self.signed else 0))
        self.half = 2 ** (self.k - 1)
        self.nan = self.half if self.signed else 2**self.k - 1
        top = self.half if self.signed else 2**self.k - 1
        self.infinity = top - 1 if self.extended else None
        self.greatest = top - 1 - self.extended

    def value(self, code):
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

    def encode(self, x, rounding, overflow):
        """Return the code of a nonzero rational."""
        magnitude, negative = abs(x), x < 0
        if negative and not self.signed:
            return 0
        e = max(floor_log2(magnitude), int(1 - self.bias)) - self.p + 1
        scaled = magnitude * Fraction(2) ** -e
        whole = scaled.numerator // scaled.denominator
        is_even = whole % 2 == 0 if self.p > 1 else whole == 0 or (e + self.bias) % 2 == 0
        whole += rounds_up(rounding, scaled - whole, is_even, negative)
        found = whole * Fraction(2) ** e
        sign = self.half if negative else 0
        if found == 0:
            return 0
        if found > self.value(self.greatest):
            clamps = overflow is not Overflow.INFINITE or {
                Rounding.TOWARD_ZERO: True,
                Rounding.TOWARD_POSITIVE: negative,
                Rounding.TOWARD_NEGATIVE: not negative,
                Rounding.TO_ODD: not self.signed,
            }.get(rounding, False)
            return sign | (self.greatest if clamps else self.infinity)
        return sign | next(c for c in range(self.greatest + 1) if self.value(c) == found)


def floor_log2(q):
    e = 0
    while Fraction(2) ** e > q:
        e -= 1
    while Fraction(2) ** (e + 1) <= q:
        e += 1
    return e


def rounds_up(rounding, rest, is_even, negative):
    half = Fraction(1, 2)
    return {
        Rounding.TIES_TO_EVEN: rest > half or (rest == half and not is_even),
        Rounding.TIES_TO_AWAY: rest >= half,
        Rounding.TOWARD_ZERO: False,
        Rounding.TOWARD_POSITIVE: rest > 0 and not negative,
        Rounding.TOWARD_NEGATIVE: rest > 0 and negative,
        Rounding.TO_ODD: rest > 0 and is_even,
        Rounding.AWAY_FROM_ZERO: rest > 0,
    }[rounding]


def ours(format, code):
    z = ieee_table(Arithmetic(format), PYTHON)["to_binary64"](code)
    return float.fromhex(hex_of(int(z)))


def hex_of(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0].hex()


@pytest.mark.parametrize("name", NAMES)
def test_every_code_has_the_value_of_the_draft(name):
    draft, format = Draft(name), parse_p3109(name)
    for code in range(1 << draft.k):
        value, found = draft.value(code), ours(format, code)
        assert found == value or (math.isnan(found) and math.isnan(value)), code
    assert (format.max_finite, format.default_nan) == (draft.greatest, draft.nan)


@pytest.mark.parametrize("rounding", DIRECTIONS, ids=lambda rounding: rounding.value)
@pytest.mark.parametrize("name", ["4.2", "4.1", "5.3u", "5.1u", "4.4u", "6.2f", "5.2uf", "3.1"])
def test_values_between_and_beyond_numbers_are_rounded_as_in_the_draft(name, rounding):
    draft, format = Draft(name), parse_p3109(name)
    finite = [draft.value(code) for code in range(draft.greatest + 1)]
    step = finite[-1] - finite[-2]
    points = [*finite, finite[-1] + step, finite[-1] + 2 * step, finite[-1] * 5]
    eighths = [a + (b - a) * k / 8 for a, b in pairwise(points) for k in (1, 3, 4, 5, 8)]
    for overflow in (Overflow.SATURATE, Overflow.INFINITE):
        if overflow is Overflow.INFINITE and not draft.extended:
            continue
        encode = encoder(Arithmetic(format, rounding, overflow=overflow))
        for x in [*eighths, *(-q for q in eighths)]:
            exponent = x.denominator.bit_length() - 1
            z = encode(int(x < 0), abs(x.numerator), -exponent)
            assert z == draft.encode(x, rounding, overflow), (x, overflow)
