"""Positive real numbers of two words, for functions of binary64.

**Notation.** A *double word* is a triple (e, a, b): the number (a, b) / 2**127 * 2**e, where the
pair is a wide fraction of at least 1/2. Results are cut.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from numlean_kernels.elementary.extended_floats import (
    ONE,
    make_divide,
    make_shift_right_pair,
    make_square_root,
)
from numlean_kernels.elementary.wide import (
    make_scale,
    make_wide_add,
    make_wide_multiply,
    make_wide_normalise,
    make_wide_shift_left,
    make_wide_shift_right,
    make_wide_subtract,
)
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

ONES: Final = (1 << 64) - 1

TINY: Final = -54
"""Below this exponent x is less than half an ulp of one."""
SMALL: Final = -40
"""Below this exponent the functions are polynomials of degree three."""
TINY_CUBIC: Final = -28
"""Below this exponent x**2 is less than half an ulp of one."""


def make_near_one(builder: RoutineBuilder) -> Routine:
    """Return ``near_one(is_minus, e, a, b) -> (e, a, b)``: 1 +- y of a double word y < 1."""
    word, signed = builder.word, builder.signed
    add, subtract = builder.routine(make_wide_add), builder.routine(make_wide_subtract)
    shift_right, normalise = (
        builder.routine(make_wide_shift_right),
        builder.routine(make_wide_normalise),
    )
    half, zero = word(ONE), word(0)

    def near_one(is_minus: Any, e: Any, a: Any, b: Any) -> Any:
        a, b = shift_right(a, b, signed(-e))
        if is_minus:
            a, b = subtract(half, zero, a, b)
        else:
            a, b = add(half, zero, a, b)
        f, a, b = normalise(a, b)
        return f, a, b

    return near_one


def make_less_one(builder: RoutineBuilder) -> Routine:
    """Return ``less_one(e, a, b)``: a double word, greater than one, minus one."""
    signed, subtract = builder.signed, builder.routine(make_wide_subtract)
    shift_right, normalise = (
        builder.routine(make_wide_shift_right),
        builder.routine(make_wide_normalise),
    )
    half, zero = builder.word(ONE), builder.word(0)

    def less_one(e: Any, a: Any, b: Any) -> Any:
        c, d = shift_right(half, zero, e)
        a, b = subtract(a, b, c, d)
        f, a, b = normalise(a, b)
        return signed(e + f), a, b

    return less_one


def make_long_add(builder: RoutineBuilder) -> Routine:
    """Return ``add(e, a, b, f, c, d) -> (e, a, b)``: the sum of double words, e >= f."""
    word, signed = builder.word, builder.signed
    add, shift_right = builder.routine(make_wide_add), builder.routine(make_wide_shift_right)
    one, half = signed(1), word(ONE)

    def long_add(e: Any, a: Any, b: Any, f: Any, c: Any, d: Any) -> Any:
        c, d = shift_right(c, d, signed(e - f))
        c, d = add(a, b, c, d)
        if c < a:
            c, d = shift_right(c, d, one)
            return signed(e + one), word(c | half), d
        return e, c, d

    return long_add


def make_long_multiply(builder: RoutineBuilder) -> Routine:
    """Return ``multiply(e, a, b, f, c, d) -> (e, a, b)``: the product of double words, cut."""
    signed, one = builder.signed, builder.signed(1)
    product, normalise = builder.routine(make_wide_multiply), builder.routine(make_wide_normalise)

    def multiply(e: Any, a: Any, b: Any, f: Any, c: Any, d: Any) -> Any:
        a, b = product(a, b, c, d)
        g, a, b = normalise(a, b)
        return signed(signed(signed(e + f) + g) + one), a, b

    return multiply


def make_long_divide(builder: RoutineBuilder) -> Routine:
    """Return ``divide(e, a, b, f, c, d) -> (e, a, b)``: the quotient of double words.

    It is the quotient of the upper words plus that of the remainder, within 2**-120.
    """
    word, signed = builder.word, builder.signed
    narrow, scale = builder.routine(make_divide), builder.routine(make_scale)
    subtract, normalise = builder.routine(make_wide_subtract), builder.routine(make_wide_normalise)
    shift_left = builder.routine(make_wide_shift_left)
    shift_right_pair, zero_word = builder.routine(make_shift_right_pair), word(0)
    zero, one, spare = signed(0), signed(1), word(4)

    def divide(e: Any, a: Any, b: Any, f: Any, c: Any, d: Any) -> Any:
        g, q = narrow(zero, a, zero, c)
        first, low = g, zero_word
        # The lower word of the divisor may make the quotient smaller.
        q = word(q - spare)
        u, v = scale(c, d, q)
        if g == zero:
            u, v = shift_left(u, v, one)
        u, v = subtract(a, b, u, v)
        if word(u | v) != 0:
            h, u, v = normalise(u, v)
            j, rest = narrow(zero, u, zero, c)
            inner, low = shift_right_pair(rest, signed(g - signed(h + j)))
            q = word(q + inner)
        g, q, low = normalise(q, low)
        return signed(signed(e - f) + signed(first + g)), q, low

    return divide


def make_long_square_root(builder: RoutineBuilder) -> Routine:
    """Return ``square_root(e, a, b) -> (e, a, b)``: the root of a double word, within 2**-118.

    It is the root of the upper word plus the remainder over twice that root.
    """
    word, signed, high = builder.word, builder.signed, builder.target.high_product(64)
    narrow, divide = builder.routine(make_square_root), builder.routine(make_divide)
    subtract, shift_right = (
        builder.routine(make_wide_subtract),
        builder.routine(make_wide_shift_right),
    )
    normalise, shift_right_pair = (
        builder.routine(make_wide_normalise),
        builder.routine(make_shift_right_pair),
    )
    zero, one, zero_word = signed(0), signed(1), word(0)

    def square_root(e: Any, a: Any, b: Any) -> Any:
        f, m = narrow(e, a)
        odd = signed(e & one)
        u, v = shift_right(a, b, signed(one - odd))
        u, v = subtract(u, v, high(m, m), word(m * m))
        low = zero_word
        if word(u | v) != zero_word:
            h, u, v = normalise(u, v)
            j, rest = divide(zero, u, zero, m)
            inner, low = shift_right_pair(rest, signed(zero - signed(j + h)))
            m = word(m + inner)
        return f, m, low

    return square_root


def small_series(coefficient: Fraction) -> Maker:
    """Return the maker of ``small(is_minus, e, a, b) -> (e, a, b)``.

    It is y +- y**2/2 + coefficient * y**3 of a double word y below 2**-40, where the omitted terms
    are less than 2**-121.
    """

    def make(builder: RoutineBuilder) -> Routine:
        word, signed = builder.word, builder.signed
        near_one, multiply = builder.routine(make_near_one), builder.routine(make_wide_multiply)
        add, shift_right = builder.routine(make_wide_add), builder.routine(make_wide_shift_right)
        normalise, one = builder.routine(make_wide_normalise), signed(1)
        factor = coefficient.numerator * (1 << 128) // coefficient.denominator
        third, fourth = word(factor >> 64), word(factor % (1 << 64))

        def small(is_minus: Any, e: Any, a: Any, b: Any) -> Any:
            f, p, q = near_one(is_minus, signed(e - one), a, b)
            c, d = multiply(a, b, a, b)
            c, d = multiply(c, d, third, fourth)
            c, d = shift_right(c, d, signed(signed(f - one) - signed(e + e)))
            p, q = add(p, q, c, d)
            a, b = multiply(a, b, p, q)
            g, a, b = normalise(a, b)
            return signed(signed(signed(e + f) + g) + one), a, b

        return small

    return make
