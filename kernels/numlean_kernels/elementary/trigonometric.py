"""Sine, cosine and tangent, over the whole range.

**Notation.** x = s * 2**q with an integer s below 2**24; n is the quadrant, theta the angle within
it, at most pi/4.

**Reduction.** Of 2/pi * 2**q only the part modulo 4 matters, 192 bits of which are taken from a
table: their product with s is x * 2/pi modulo 4, short by less than 2**-166. Its integer part is n;
the fraction is brought into [-1/2, 1/2], where for 24-bit s and |q| <= 104 it is never below
2**-60, and its leading 64 bits times pi/2 are theta, within 2 units.

**Series** in t = theta**2 <= 0.617: sin(theta) = theta * (1 - t/3! + ...), cos(theta) = 1 - t/2! +
..., ten terms each, which leave less than 2**-67; cuts make less than 2 units. Together: sine and
cosine within 5 units, 2**-60.6, the tangent within 11. K. Ng, "Argument reduction for huge
arguments: good to the last bit" (1992), after M. Payne and R. Hanek.
"""

from __future__ import annotations

from functools import cache
from math import factorial
from typing import Any, Final

from numlean_kernels.elementary.constants import context, fractions, units, units_cut, words
from numlean_kernels.elementary.extended_floats import (
    make_divide,
    make_fraction,
    make_just_below,
    make_multiply,
    make_normalise,
    series,
)
from numlean_kernels.elementary.outcome import ROUNDED
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_TABLE_WORDS: Final = 7
_INTEGER_BITS: Final = 64
"""Bits of the table before the binary point; arguments of 2**-31 and more need 54."""
_PRECISION: Final = 24
_TERMS: Final = 10
_TINY: Final = -13
"""Below this exponent x**2 is less than 2**-26: no rounding boundary lies between x and the value,
or between one and the cosine."""


def _make_reduce(builder: RoutineBuilder) -> Routine:
    """Return ``reduce(e, m) -> (n, is_negative, e, m)``: quadrant and angle of a positive real."""
    mp, word, signed = context(), builder.word, builder.signed
    high, multiply = builder.target.high_product(64), builder.routine(make_multiply)
    normalise = builder.routine(make_normalise)
    bits = 64 * _TABLE_WORDS
    whole = units_cut(lambda: 2 / mp.pi, bits - _INTEGER_BITS)
    table = words([whole >> 64 * (_TABLE_WORDS - 1 - k) for k in range(_TABLE_WORDS)])
    # The window begins with the bit that has the value two after multiplication by 2**q.
    lead = signed(_INTEGER_BITS - 2 - (_PRECISION - 1))
    six, low_bits, wide = word(6), word(63), word(64)
    one, two, zero, quadrant_shift, half = word(1), word(2), word(0), word(62), word(1 << 63)
    cut, turn_e, turn_m = word(64 - _PRECISION), signed(0), word(units(mp.pi / 2, 63))
    below, four = signed(-1), word(3)

    def window(at: Any, offset: Any) -> Any:
        upper, lower = word(table[at]), word(table[word(at + one)])
        joined = word(word(upper << offset) | word(lower >> word(wide - offset)))
        return joined if offset != zero else upper

    window = builder.target.routine(window)

    def reduce(e: Any, m: Any) -> Any:
        s, start = word(m >> cut), word(signed(e + lead))
        at, offset = word(start >> six), word(start & low_bits)
        a, b, c = window(at, offset), window(word(at + one), offset), window(word(at + two), offset)
        third, carry = word(s * c), high(s, c)
        second = word(word(s * b) + carry)
        carry = word(high(s, b) + (one if second < carry else zero))
        first = word(word(s * a) + carry)
        n = word(first >> quadrant_shift)
        first = word(word(first << two) | word(second >> quadrant_shift))
        second = word(word(second << two) | word(third >> quadrant_shift))
        is_negative = first >= half
        n = word(word(n + (one if is_negative else zero)) & four)
        first = word(~first) if is_negative else first
        second = word(~second) if is_negative else second
        f, leading = normalise(below, first)
        zeros = word(signed(below - f))
        rest = word(second >> word(wide - zeros)) if zeros != zero else zero
        f, theta = multiply(f, word(leading | rest), turn_e, turn_m)
        return n, is_negative, f, theta

    return reduce


@cache
def _alternating(first: int) -> Maker:
    """Return the maker of ``sum(t)``: 1/first! - t/(first + 2)! + ..."""
    coefficients = fractions(_TERMS - 1, lambda k: context().mpf(1) / factorial(2 * k + first))
    return series(coefficients, alternating=True)


def _make_sine_of_angle(builder: RoutineBuilder) -> Routine:
    """Return ``sine(e, m) -> (e, m)`` of an angle up to pi/4."""
    word, high = builder.word, builder.target.high_product(64)
    multiply, fraction = builder.routine(make_multiply), builder.routine(make_fraction)
    falling, below, zero = builder.routine(_alternating(3)), builder.signed(-1), word(0)
    ones = word((1 << 64) - 1)

    def sine(e: Any, m: Any) -> Any:
        x = fraction(e, m)
        t = high(x, x)
        lost = high(t, falling(t))
        return multiply(e, m, below, word(zero - lost) if lost != zero else ones)

    return sine


def _make_cosine_of_angle(builder: RoutineBuilder) -> Routine:
    """Return ``cosine(e, m) -> (e, m)`` of an angle up to pi/4."""
    word, high, fraction = (
        builder.word,
        builder.target.high_product(64),
        builder.routine(make_fraction),
    )
    falling, below, zero = builder.routine(_alternating(2)), builder.signed(-1), word(0)
    ones = word((1 << 64) - 1)

    def cosine(e: Any, m: Any) -> Any:
        x = fraction(e, m)
        t = high(x, x)
        lost = high(t, falling(t))
        return below, (word(zero - lost) if lost != zero else ones)

    return cosine


def _make_sin(builder: RoutineBuilder) -> Routine:
    """Return the sine or cosine of the angle, by the quadrant; for tiny x, just below x."""
    word, signed = builder.word, builder.signed
    reduce, just_below = builder.routine(_make_reduce), builder.routine(make_just_below)
    sine, cosine = builder.routine(_make_sine_of_angle), builder.routine(_make_cosine_of_angle)
    tiny, odd, two, zero = signed(_TINY), word(1), word(2), word(0)

    def sin(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            f, n = just_below(e, m)
            return ROUNDED, negative, f, n
        quadrant, falls, f, theta = reduce(e, m)
        negative = negative != (word(quadrant & two) != zero)
        if word(quadrant & odd) != zero:
            f, n = cosine(f, theta)
            return ROUNDED, negative, f, n
        f, n = sine(f, theta)
        return ROUNDED, negative != falls, f, n

    return sin


def _make_cos(builder: RoutineBuilder) -> Routine:
    """Return the cosine or sine of the angle, by the quadrant; for tiny x, just below one."""
    word, signed = builder.word, builder.signed
    reduce = builder.routine(_make_reduce)
    sine, cosine = builder.routine(_make_sine_of_angle), builder.routine(_make_cosine_of_angle)
    tiny, odd, one, two, zero = signed(_TINY), word(1), word(1), word(2), word(0)
    below, ones = signed(-1), word((1 << 64) - 1)

    def cos(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            return ROUNDED, False, below, ones
        quadrant, falls, f, theta = reduce(e, m)
        inverted = word(word(quadrant + one) & two) != zero
        if word(quadrant & odd) != zero:
            f, n = sine(f, theta)
            # Quadrant 1: the cosine of pi/2 + theta is -sin(theta).
            return ROUNDED, inverted != falls, f, n
        f, n = cosine(f, theta)
        return ROUNDED, inverted, f, n

    return cos


def _make_tan(builder: RoutineBuilder) -> Routine:
    """Return the quotient of sine and cosine; for tiny x, just above x."""
    word, signed = builder.word, builder.signed
    reduce, divide = builder.routine(_make_reduce), builder.routine(make_divide)
    sine, cosine = builder.routine(_make_sine_of_angle), builder.routine(_make_cosine_of_angle)
    tiny, odd, zero = signed(_TINY), word(1), word(0)

    def tan(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            return ROUNDED, negative, e, m
        quadrant, falls, f, theta = reduce(e, m)
        g, c = cosine(f, theta)
        f, s = sine(f, theta)
        inverted = word(quadrant & odd) != zero
        f, n = divide(g, c, f, s) if inverted else divide(f, s, g, c)
        return ROUNDED, (negative != falls) != inverted, f, n

    return tan


CORES: Final[dict[str, Maker]] = {"sin": _make_sin, "cos": _make_cos, "tan": _make_tan}
"""``core(negative, e, m) -> outcome`` by the name of the function."""
