"""Arrays of unevaluated sums of two binary64 numbers: exp and log to 90 bits.

A double word (h, l) stands for h + l with abs(l) <= ulp(h) / 2. The algorithms are those of
M. Joldes, J.-M. Muller and V. Popescu, "Tight and rigorous error bounds for basic building blocks
of double-word arithmetic" (2017), and T. J. Dekker's product (1971). They use only additions and
multiplications of arrays, which numpy carries out one by one, so no multiplication is contracted
with an addition. Results of the library's exp and log are starting points at most.
"""

from __future__ import annotations

from fractions import Fraction
from math import factorial, fsum, isqrt
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

RELATIVE_ERROR: Final = Fraction(1, 1 << 92)
"""A bound of the relative error of expm1, exp and log1p here, and of sums and products of them.

Each operation on double words adds at most 2**-102. The series of expm1 is cut below 2**-110, and
its Horner scheme shrinks what each step adds by 2**-7. Away from 0, e**x - 1 cancels 8 bits of
e**x. A step of Halley's method, from a start with a relative error of 2**-48, makes log1p as exact
as expm1. All this stays below 2**-93.
"""
LEAST_EXPONENT: Final = -600.0
"""The least operand of exp: below it the low words would become subnormal."""

_SPLITTER: Final = float((1 << 27) + 1)
_TERMS: Final = 11
_DOUBLE_TERMS: Final = 6
"""The number of terms of the series of expm1 that need double words."""
_TABLE_BITS: Final = 6
"""The logarithm of the number of powers of two between 1 and 2 in the table."""


class DoubleWord(NamedTuple):
    """Numbers h + l."""

    h: Floats
    l: Floats  # noqa: E741


def two_sum(a: Any, b: Any) -> DoubleWord:
    """Return a + b exactly."""
    s = a + b
    t = s - a
    return DoubleWord(s, (a - (s - t)) + (b - t))


def two_product(a: Any, b: Any) -> DoubleWord:
    """Return a * b exactly, if neither the product nor its low word leaves the normal range."""
    p = a * b
    (ah, al), (bh, bl) = _split(a), _split(b)
    return DoubleWord(p, ((ah * bh - p) + ah * bl + al * bh) + al * bl)


def add(x: DoubleWord, y: DoubleWord) -> DoubleWord:
    """Return x + y; terms of opposite signs may cancel."""
    s, t = two_sum(x.h, y.h), two_sum(x.l, y.l)
    v = _fast_two_sum(s.h, s.l + t.h)
    return _fast_two_sum(v.h, v.l + t.l)


def multiply(x: DoubleWord, y: DoubleWord) -> DoubleWord:
    """Return x * y."""
    p = two_product(x.h, y.h)
    return _fast_two_sum(p.h, p.l + (x.h * y.l + x.l * y.h))


def negate(x: DoubleWord) -> DoubleWord:
    """Return -x."""
    return DoubleWord(-x.h, -x.l)


def double_word(x: Any) -> DoubleWord:
    """Return binary64 numbers as double words."""
    h = np.asarray(x, np.float64)
    return DoubleWord(h, np.zeros(h.shape))


def exp(x: DoubleWord) -> DoubleWord:
    """Return e**x for LEAST_EXPONENT <= x <= 600."""
    return _exp_and_expm1(x)[0]


def expm1(x: DoubleWord) -> DoubleWord:
    """Return e**x - 1 for LEAST_EXPONENT <= x <= 600, with a small relative error near 0."""
    return _exp_and_expm1(x)[1]


def log1p(t: DoubleWord) -> DoubleWord:
    """Return log(1 + t) for 2**-860 < 1 + t < 2**860, with a small relative error near 0."""
    u = add(double_word(np.ones(t.h.shape)), t)
    near = np.abs(t.h) < 0.5
    start = np.where(near, np.log1p(np.where(near, t.h, 0.0)), np.log(u.h))
    power, less_one = _exp_and_expm1(double_word(start))
    difference = np.where(near, add(t, negate(less_one)).h, add(u, negate(power)).h)
    # With e**start = u - difference, Halley's step is 2 * (u - e**start) / (u + e**start).
    return add(double_word(start), double_word(2.0 * difference / (2.0 * u.h - difference)))


def sum_last_axis(x: DoubleWord) -> DoubleWord:
    """Return the sums along the last axis, by halves."""
    while (n := x.h.shape[-1]) > 1:
        half = n // 2
        first = DoubleWord(x.h[..., :half], x.l[..., :half])
        second = DoubleWord(x.h[..., half : 2 * half], x.l[..., half : 2 * half])
        total = add(first, second)
        rest = (x.h[..., 2 * half :], x.l[..., 2 * half :])
        parts = zip(total, rest, strict=True)
        x = DoubleWord(*(np.concatenate(pair, axis=-1) for pair in parts))
    return DoubleWord(x.h[..., 0], x.l[..., 0])


def exact_sum(*arrays: Floats) -> Fraction:
    """Return the sum of finite numbers without an error.

    Raises:
        OverflowError: A partial sum is beyond binary64's range.
    """
    terms = np.concatenate([array.ravel() for array in arrays]).tolist()
    total = Fraction(0)
    # Each pass takes the rounded sum away; it ends with a remainder of exactly zero.
    while rounded := fsum(terms):
        total += Fraction(rounded)
        terms.append(-rounded)
    return total


def _fast_two_sum(a: Any, b: Any) -> DoubleWord:
    s = a + b
    return DoubleWord(s, b - (s - a))


def _split(a: Any) -> tuple[Any, Any]:
    c = _SPLITTER * a
    high = c - (c - a)
    return high, a - high


def _exp_and_expm1(x: DoubleWord) -> tuple[DoubleWord, DoubleWord]:
    """Return e**x and e**x - 1, with x = k * ln 2 / 64 + rest and e**x = 2**(k / 64) * e**rest."""
    k = np.rint(x.h * _STEPS_PER_UNIT)
    rest = x
    for part in _STEP_SHORT:  # products with k are exact
        rest = add(rest, double_word(-k * part))
    rest = add(rest, double_word(-k * _STEP_REST))
    small = _expm1_series(rest)
    steps = k.astype(np.int64)
    row, powers = steps & ((1 << _TABLE_BITS) - 1), steps >> _TABLE_BITS
    factor = DoubleWord(_TABLE.h[row], _TABLE.l[row])
    power = _add_smaller(factor, multiply(factor, small))
    power = DoubleWord(np.ldexp(power.h, powers), np.ldexp(power.l, powers))
    far = add(power, double_word(-np.ones(power.h.shape)))
    pairs = zip(small, far, strict=True)
    return power, DoubleWord(*(np.where(k == 0, near, other) for near, other in pairs))


def _expm1_series(r: DoubleWord) -> DoubleWord:
    """Return e**r - 1 for abs(r) < 0.0055."""
    tail = np.zeros(r.h.shape)
    for n in range(_TERMS, _DOUBLE_TERMS, -1):
        tail = tail * r.h + _COEFFICIENTS[n].h
    series = double_word(tail)
    for n in range(_DOUBLE_TERMS, 0, -1):
        series = _add_smaller(_COEFFICIENTS[n], multiply(series, r))
    return multiply(series, r)


def _add_smaller(x: DoubleWord, y: DoubleWord) -> DoubleWord:
    """Return x + y, for abs(x) > 64 * abs(y)."""
    s = _fast_two_sum(x.h, y.h)
    return _fast_two_sum(s.h, s.l + (x.l + y.l))


def _rounded(values: list[Fraction]) -> DoubleWord:
    high = [float(value) for value in values]
    low = [float(value - Fraction(h)) for value, h in zip(values, high, strict=True)]
    return DoubleWord(np.array(high), np.array(low))


def _cut(value: Fraction, bits: int, count: int) -> tuple[tuple[float, ...], float]:
    """Return a value cut into numbers that end at multiples of ``bits``, and the rounded rest."""
    parts = []
    for n in range(1, count + 1):
        part = Fraction(int(value * (1 << bits * n)), 1 << bits * n)
        parts.append(float(part))
        value -= part
    return tuple(parts), float(value)


def _powers_of_two() -> list[Fraction]:
    """Return 2**(j / 64) for j from 0 to 63, with an error below 2**-250."""
    bits, root = 300, 2 << 300
    for _ in range(_TABLE_BITS):
        root = isqrt(root << bits)
    powers = [1 << bits]
    while len(powers) < 1 << _TABLE_BITS:
        powers.append(powers[-1] * root >> bits)
    return [Fraction(power, 1 << bits) for power in powers]


_STEP: Final = sum((Fraction(1, n << n) for n in range(1, 300)), Fraction(0)) / (1 << _TABLE_BITS)
"""ln 2 / 64, from ln 2 = sum of 1 / (n * 2**n)."""
_STEP_SHORT, _STEP_REST = _cut(_STEP, 36, 2)
_STEPS_PER_UNIT: Final = float(1 / _STEP)
_TABLE: Final = _rounded(_powers_of_two())
_COEFFICIENTS: Final = {n: _rounded([Fraction(1, factorial(n))]) for n in range(1, _TERMS + 1)}
