"""Every registered Scalar on every device it runs on, and a reference that knows its format only.

The reference decodes and rounds by exact rationals. A number is a nonzero ``Fraction``, or a Python
float for a zero (with its sign), an infinity or a NaN.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from numlean.errors import UnavailableError
from numlean.registry import backends, get_scalar

ARGUMENTS = {"mp": ("mp:24", "mp:53", "mp:200"), "ieee": ("ieee:e6m9",)}
"""Which arguments stand for a backend that takes one; a new one is tried as users write it."""

POWERS_OF_TWO = (-60, -5, -1, 0, 1, 7, 60)


def cases():
    for name, backend in backends():
        for dtype in ARGUMENTS.get(name, (name,)):
            for device in backend.devices:
                yield pytest.param((dtype, device), id=f"{dtype} {device}")


@pytest.fixture(params=list(cases()))
def scalar(request):
    try:
        return get_scalar(*request.param)
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def reference(scalar):
    if scalar.rounding != "ties_to_even":
        pytest.skip(f"the reference rounds ties to even, not {scalar.rounding}")
    precision = scalar.format.precision if scalar.format else probed_precision(scalar)
    return Reference(scalar, scalar.format, precision)


def probed_precision(scalar):
    """The least p for which 2**p + 1 is no number of the Scalar."""
    p = 1
    while int(scalar.to_exact(scalar.from_exact(2**p + 1)).item()) == 2**p + 1:
        p += 1
    return p


@dataclass(frozen=True)
class Reference:
    scalar: Any
    format: Any
    precision: int

    def number(self, element):
        """What an encoding, or an mpf, stands for."""
        f = self.format
        if f is None:
            sign, m, e, _ = element._mpf_
            if m == 0:
                return float(element) if e else 0.0
            return (-1 if sign else 1) * power_of_two(int(e)) * int(m)
        biased = int(element) >> f.trailing_bits & (1 << f.exponent_bits) - 1
        trailing = int(element) & (1 << f.trailing_bits) - 1
        sign = -1 if int(element) >> (f.exponent_bits + f.trailing_bits) else 1
        ones = (1 << f.exponent_bits) - 1
        if f.has_infinity and biased == ones:
            return math.nan if trailing else sign * math.inf
        if not f.has_infinity and biased == ones and trailing == (1 << f.trailing_bits) - 1:
            return math.nan
        m = trailing | (bool(biased) << f.trailing_bits)
        e = max(biased, 1) - ((1 << (f.exponent_bits - 1)) - 1) - f.trailing_bits
        return sign * m * power_of_two(e) if m else math.copysign(0.0, sign)

    def numbers(self, x):
        elements = x if self.format is None else self.scalar.to_bits(x)
        return [self.number(element) for element in elements.ravel().tolist()]

    def rounded(self, q, sign_of_zero=1.0):
        """A rational, rounded once to nearest even; an exact zero has the sign given."""
        if q == 0:
            return math.copysign(0.0, sign_of_zero) if self.format else 0.0
        f, e = self.format, floor_log2(abs(q))
        quantum = power_of_two((e if f is None else max(e, f.emin)) - self.precision + 1)
        magnitude = round(abs(q) / quantum) * quantum  # Fractions round halves to even
        sign = -1 if q < 0 else 1
        if f is not None and magnitude > self.greatest():
            return sign * math.inf if f.has_infinity else math.nan
        return sign * magnitude if magnitude else self.rounded(Fraction(0), sign)

    def greatest(self):
        f = self.format
        top = (1 << f.exponent_bits) - (2 if f.has_infinity else 1)
        m = (2 << f.trailing_bits) - (1 if f.has_infinity else 2)
        return m * power_of_two(top - (1 << (f.exponent_bits - 1)) + 1 - f.trailing_bits)

    def of_float(self, value):
        """A binary64 number that may be special, rounded once."""
        if not math.isfinite(value):
            lost = math.isinf(value) and self.format is not None and not self.format.has_infinity
            return math.nan if lost else float(value)
        return self.rounded(Fraction(value), math.copysign(1.0, value))

    def check(self, x, expected):
        """Every number equals the one expected, zeros by their sign, NaNs whatever their bits."""
        found = self.numbers(x)
        assert len(found) == len(expected)
        wrong = [
            f"[{k}] expected {b!r}, got {a!r}"
            for k, (a, b) in enumerate(zip(found, expected, strict=True))
            if repr(a) != repr(b)
        ]
        assert not wrong, f"{len(wrong)} wrong in {self.scalar.name}:\n" + "\n".join(wrong[:5])

    def edges(self):
        """Where formats turn: zeros, the ends of the subnormals, one, the greatest, specials."""
        f = self.format
        if f is None:
            values = [m * 2.0**e for e in POWERS_OF_TWO for m in (1, 1 + 2.0**-23, 1.5)]
            specials = [0.0, math.inf, math.nan]
            return self.scalar.from_float([*values, *(-v for v in values), *specials, -math.inf])
        one = ((1 << (f.exponent_bits - 1)) - 1) << f.trailing_bits
        least_normal, top = 1 << f.trailing_bits, (1 << (f.width - 1)) - 1
        ends = [0, 1, 2, least_normal - 1, least_normal, least_normal + 1, top, top - 1]
        ends += [one - 1, one, one + 1, one + least_normal, one + least_normal // 2, f.infinity]
        ends += [f.infinity - 1, f.infinity - 2]
        sign = 1 << (f.width - 1)
        return self.scalar.from_bits([*ends, *(b | sign for b in ends)])

    def random(self, rng, count):
        """Encodings drawn at random, specials among them, half of them near one."""
        near_one = self.scalar.from_float(rng.standard_normal(count - count // 2))
        if self.format is None:
            wide = np.ldexp(rng.standard_normal(count // 2), rng.integers(-300, 300, count // 2))
            return np.concatenate([self.scalar.from_float(wide), near_one])
        bits = rng.integers(0, 1 << self.format.width, count // 2, dtype=np.uint64)
        return np.concatenate([self.scalar.from_bits(bits), near_one])


def power_of_two(e):
    return Fraction(1 << e) if e >= 0 else Fraction(1, 1 << -e)


def floor_log2(q):
    """The e with 2**e <= q < 2**(e + 1)."""
    e = q.numerator.bit_length() - q.denominator.bit_length()
    return e if q >= power_of_two(e) else e - 1
