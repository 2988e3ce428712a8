"""Sine, cosine and tangent of binary64, over the whole range.

The reduction is that of :mod:`numlean_kernels.elementary.trigonometric`, for 53-bit integers: the
fraction of x * 2/pi is never below 2**-62, and its leading 128 of 200 bits give the angle. Fifteen
terms of the series leave less than 2**-118.
"""

from __future__ import annotations

from functools import cache
from math import factorial
from typing import Any, Final

from numlean_kernels.elementary.binary64.double_word import ONES, TINY_CUBIC, make_long_divide
from numlean_kernels.elementary.constants import context, fractions, units, units_cut, words
from numlean_kernels.elementary.extended_floats import make_just_below
from numlean_kernels.elementary.outcome import ROUNDED
from numlean_kernels.elementary.wide import (
    make_wide_multiply,
    make_wide_normalise,
    make_wide_shift_right,
    make_wide_subtract,
    wide_series,
)
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_TABLE_WORDS: Final = 23
_INTEGER_BITS: Final = 128
_PRECISION: Final = 53
_TERMS: Final = 15


def _make_reduce(builder: RoutineBuilder) -> Routine:
    """Return ``reduce(e, m) -> (n, is_negative, e, a, b)``: quadrant and angle of a real."""
    mp, word, signed = context(), builder.word, builder.signed
    high, multiply = builder.target.high_product(64), builder.routine(make_wide_multiply)
    normalise = builder.routine(make_wide_normalise)
    whole = units_cut(lambda: 2 / mp.pi, 64 * _TABLE_WORDS - _INTEGER_BITS)
    table = words([whole >> 64 * (_TABLE_WORDS - 1 - k) for k in range(_TABLE_WORDS)])
    lead = signed(_INTEGER_BITS - 2 - (_PRECISION - 1))
    six, low_bits, wide = word(6), word(63), word(64)
    one, zero, four, up, down, half = word(1), word(0), word(3), word(2), word(62), word(1 << 63)
    cut = word(64 - _PRECISION)
    turn = units(mp.pi / 4, 128)
    turn_high, turn_low = word(turn >> 64), word(turn % (1 << 64))

    def window(at: Any, offset: Any) -> Any:
        upper, lower = word(table[at]), word(table[word(at + one)])
        joined = word(word(upper << offset) | word(lower >> word(wide - offset)))
        return joined if offset != zero else upper

    window = builder.target.routine(window)

    def reduce(e: Any, m: Any) -> Any:
        s, start = word(m >> cut), word(signed(e + lead))
        at, offset = word(start >> six), word(start & low_bits)
        # Four words, the lowest first.
        last = high(s, window(word(at + word(3)), offset))
        third = word(s * window(word(at + word(2)), offset))
        third = word(third + last)
        carry = one if third < last else zero
        carry = word(high(s, window(word(at + word(2)), offset)) + carry)
        second = word(word(s * window(word(at + one), offset)) + carry)
        carry = word(high(s, window(word(at + one), offset)) + (one if second < carry else zero))
        first = word(word(s * window(at, offset)) + carry)
        n = word(first >> down)
        first = word(word(first << up) | word(second >> down))
        second = word(word(second << up) | word(third >> down))
        third = word(third << up)
        is_negative = first >= half
        n = word(word(n + (one if is_negative else zero)) & four)
        if is_negative:
            first, second, third = word(~first), word(~second), word(~third)
        f, a, b = normalise(first, second)
        zeros = word(signed(signed(0) - f))
        b = word(b | word(third >> word(wide - zeros))) if zeros != zero else b
        a, b = multiply(a, b, turn_high, turn_low)
        g, a, b = normalise(a, b)
        return n, is_negative, signed(f + g), a, b

    return reduce


@cache
def _falling(first: int) -> Maker:
    """Return the maker of ``sum(t)``: 1/first! - t/(first + 2)! + ..."""
    coefficients = fractions(_TERMS, lambda k: context().mpf(1) / factorial(2 * k + first), 128)
    return wide_series(coefficients, alternating=True)


def _make_sines(builder: RoutineBuilder) -> Routine:
    """Return ``sines(e, a, b) -> (e, a, b, f, c, d)``: sine and cosine of an angle up to pi/4."""
    word, signed = builder.word, builder.signed
    multiply, subtract = builder.routine(make_wide_multiply), builder.routine(make_wide_subtract)
    shift_right, normalise = (
        builder.routine(make_wide_shift_right),
        builder.routine(make_wide_normalise),
    )
    of_sine, of_cosine = builder.routine(_falling(3)), builder.routine(_falling(2))
    below, zero_word, one_word = signed(-1), word(0), word(1)

    def sines(e: Any, a: Any, b: Any) -> Any:
        u, v = shift_right(a, b, signed(below - e))
        u, v = multiply(u, v, u, v)
        p, q = of_sine(u, v)
        p, q = multiply(p, q, u, v)
        p, q = multiply(p, q, a, b)
        a, b = subtract(a, b, p, q)
        f, a, b = normalise(a, b)
        p, q = of_cosine(u, v)
        p, q = multiply(p, q, u, v)
        p, q = subtract(zero_word, zero_word, p, word(q | one_word))
        return signed(e + f), a, b, below, p, q

    return sines


def _make_sin(builder: RoutineBuilder) -> Routine:
    """Return the sine or cosine of the angle, by the quadrant; for tiny x, just below x."""
    word, signed, sines = builder.word, builder.signed, builder.routine(_make_sines)
    reduce, just_below = builder.routine(_make_reduce), builder.routine(make_just_below)
    tiny, odd, two, zero = signed(TINY_CUBIC), word(1), word(2), word(0)

    def sin(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            f, n = just_below(e, m)
            return ROUNDED, negative, f, n
        quadrant, falls, f, a, b = reduce(e, m)
        e, a, _, f, c, _ = sines(f, a, b)
        negative = negative != (word(quadrant & two) != zero)
        if word(quadrant & odd) != zero:
            return ROUNDED, negative, f, c
        return ROUNDED, negative != falls, e, a

    return sin


def _make_cos(builder: RoutineBuilder) -> Routine:
    """Return the cosine or sine of the angle, by the quadrant; for tiny x, just below one."""
    word, signed, sines = builder.word, builder.signed, builder.routine(_make_sines)
    reduce = builder.routine(_make_reduce)
    tiny, odd, one, two, zero = signed(TINY_CUBIC), word(1), word(1), word(2), word(0)
    below, ones = signed(-1), word(ONES)

    def cos(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            return ROUNDED, False, below, ones
        quadrant, falls, f, a, b = reduce(e, m)
        e, a, _, f, c, _ = sines(f, a, b)
        inverted = word(word(quadrant + one) & two) != zero
        if word(quadrant & odd) != zero:
            # Quadrant 1: the cosine of pi/2 + theta is -sin(theta).
            return ROUNDED, inverted != falls, e, a
        return ROUNDED, inverted, f, c

    return cos


def _make_tan(builder: RoutineBuilder) -> Routine:
    """Return the quotient of sine and cosine; for tiny x, just above x."""
    word, signed, sines = builder.word, builder.signed, builder.routine(_make_sines)
    reduce, divide = builder.routine(_make_reduce), builder.routine(make_long_divide)
    tiny, odd, zero = signed(TINY_CUBIC), word(1), word(0)

    def tan(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            return ROUNDED, negative, e, m
        quadrant, falls, f, a, b = reduce(e, m)
        e, a, b, f, c, d = sines(f, a, b)
        inverted = word(quadrant & odd) != zero
        if inverted:
            e, m, _ = divide(f, c, d, e, a, b)
        else:
            e, m, _ = divide(e, a, b, f, c, d)
        return ROUNDED, (negative != falls) != inverted, e, m

    return tan


CORES: Final[dict[str, Maker]] = {"sin": _make_sin, "cos": _make_cos, "tan": _make_tan}
"""``core(negative, e, m) -> outcome`` by the name of the function."""
