"""The error function.

Below 1/4: x * 2/sqrt(pi) * (1 - u/3 + u**2/10 - ...), u = x**2; twelve terms leave less than
2**-70. Below 4: a Taylor polynomial of degree 12 about the number i/32 at or below x, which leaves
less than 2**-68; derivatives have either sign, so partial sums are in two's complement. Its
constant term is off by 1/2 unit of 2**-64, and all other terms, which are below 1/16, by less than
1 unit in sum; erf(1/4) is 0.276, so that is 6 units of the real, 2**-60.4. From 4 on erf(x) > 1 -
2**-25, between one and the number before it, beyond their middle, in every format up to 24 bits.
"""

from __future__ import annotations

from functools import cache
from math import factorial
from typing import Any, Final

from numlean_kernels.elementary.constants import Real, context, fractions, units, words
from numlean_kernels.elementary.extended_floats import (
    make_fraction,
    make_multiply,
    make_normalise,
    make_shift_right,
    series,
)
from numlean_kernels.elementary.kept_table import Words, kept_tables
from numlean_kernels.elementary.outcome import ROUNDED
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

STEP_BITS: Final = 5
_DEGREE: Final = 12
_TERMS: Final = 12
_HEADROOM: Final = 3
"""Bits by which a polynomial without its constant term is scaled up: it is below 2**-4."""
_SMALL: Final = -2
_LIMIT: Final = 2


def taylor(index: int, degree: int) -> tuple[Real, list[Real]]:
    """Return coefficients about index/32 of powers of 32 * (x - index/32); the first separately.

    The n-th derivative is (-1)**(n-1) * H(n-1, x) * 2/sqrt(pi) * exp(-x**2), where H is Hermite's
    polynomial, by the recurrence H(n+1, x) = 2x * H(n, x) - 2n * H(n-1, x).
    """
    mp = context()
    x = mp.mpf(index) / (1 << STEP_BITS)
    term = 2 / mp.sqrt(mp.pi) * mp.exp(-x * x) / (1 << STEP_BITS)
    before, hermite, others = mp.mpf(0), mp.mpf(1), []
    for n in range(1, degree + 1):
        others.append(hermite * term)
        before, hermite = hermite, 2 * x * hermite - 2 * (n - 1) * before
        term = -term / (n + 1) / (1 << STEP_BITS)
    return mp.erf(x), others


def _make_small(builder: RoutineBuilder) -> Routine:
    """Return ``small(e, m) -> (e, m)``: erf below 1/4."""
    mp, word = context(), builder.word
    high, multiply = builder.target.high_product(64), builder.routine(make_multiply)
    fraction, zero, ones = builder.routine(make_fraction), word(0), word((1 << 64) - 1)
    falling = builder.routine(
        series(
            fractions(_TERMS - 1, lambda k: mp.mpf(1) / (factorial(k + 1) * (2 * k + 3))),
            alternating=True,
        )
    )
    zero_exp, below, factor = (
        builder.signed(0),
        builder.signed(-1),
        word(units(2 / mp.sqrt(mp.pi), 63)),
    )

    def small(e: Any, m: Any) -> Any:
        x = fraction(e, m)
        u = high(x, x)
        lost = high(u, falling(u))
        e, m = multiply(e, m, zero_exp, factor)
        return multiply(e, m, below, word(zero - lost) if lost != zero else ones)

    return small


@cache
def _polynomials() -> list[Words]:
    """Return the values, and the other coefficients by rows, the highest power first."""
    count = 1 << (_LIMIT + STEP_BITS)

    def compute() -> tuple[Words, Words]:
        polynomials = [taylor(index, _DEGREE) for index in range(count)]
        rows = [reversed(others) for _, others in polynomials]
        values = words([units(value, 64) for value, _ in polynomials])
        return values, words([units(c, 64 + _HEADROOM) for row in rows for c in row])

    return kept_tables("erf", (count, count * _DEGREE), compute)


def _make_erf(builder: RoutineBuilder) -> Routine:
    word, signed, high = builder.word, builder.signed, builder.target.high_product(64)
    small, normalise = builder.routine(_make_small), builder.routine(make_normalise)
    shift_right = builder.routine(make_shift_right)
    values, table = _polynomials()
    degree, row = _DEGREE, word(_DEGREE)
    lowest, limit, below = signed(_SMALL), signed(_LIMIT), signed(-1)
    ones, zero, sign_bit = word((1 << 64) - 1), word(0), word(1 << 63)
    headroom, sign_fill = word(_HEADROOM), word(((1 << _HEADROOM) - 1) << (64 - _HEADROOM))
    # x in units of 2**-69 modulo 2**64 is the distance to the table's number, in units of 2**-64.
    index_places = signed(63 - STEP_BITS)

    def erf(negative: Any, e: Any, m: Any) -> Any:
        if e >= limit:
            return ROUNDED, negative, below, ones
        if e < lowest:
            e, m = small(e, m)
            return ROUNDED, negative, e, m
        places = signed(index_places - e)
        index = shift_right(m, places)
        t = word(word(m - word(index << word(places))) << word(signed(e + signed(6))))
        at = word(index * row)
        total = zero
        for k in range(degree):
            product = word(high(total, t) - (t if (total & sign_bit) != zero else zero))
            total = word(product + word(table[word(at + word(k))]))
        total = word(high(total, t) - (t if (total & sign_bit) != zero else zero))
        fill = sign_fill if (total & sign_bit) != zero else zero
        value = word(word(values[index]) + word(word(total >> headroom) | fill))
        f, n = normalise(below, value)
        return ROUNDED, negative, f, n

    return erf


CORES: Final[dict[str, Maker]] = {"erf": _make_erf}
"""``core(negative, e, m) -> outcome`` by the name of the function."""
