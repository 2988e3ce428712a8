"""The hypotenuse of binary64: the integer root of an exact sum of squares, and its remainder.

If a leg is below 2**-28 of the other, the hypotenuse exceeds the longer leg by less than 2**-57 of
it, where no boundary of rounding to nearest lies. Otherwise the square of the longer leg has two
words, and bits shifted out of that of the shorter leg count as a remainder.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.elementary.extended_floats import ONE, make_square_root
from numlean_kernels.elementary.outcome import EXACT, ROUNDED
from numlean_kernels.elementary.wide import (
    make_wide_add,
    make_wide_normalise,
    make_wide_shift_left,
    make_wide_shift_right,
    make_wide_subtract,
)
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_FARTHEST: Final = 28
_STEPS: Final = 6
"""Units by which the first root may be short: under 4 of its own, and 2 for the lower word."""


def _make_integer_root(builder: RoutineBuilder) -> Routine:
    """Return ``integer_root(m, a, b) -> (root, is_whole)``: of an integer of two words.

    m is its root, at least 2**63, or less by at most as many units as there are steps.
    """
    word, high = builder.word, builder.target.high_product(64)
    subtract, one, zero, top = builder.routine(make_wide_subtract), word(1), word(0), word(63)
    steps = _STEPS

    def integer_root(m: Any, a: Any, b: Any) -> Any:
        a, b = subtract(a, b, high(m, m), word(m * m))
        for _ in range(steps):
            # (m + 1)**2 - m**2 = 2m + 1
            c, d = word(m >> top), word(word(m << one) | one)
            if (a > c) | ((a == c) & (b >= d)):
                a, b = subtract(a, b, c, d)
                m = word(m + one)
        return m, word(a | b) == zero

    return integer_root


def _make_hypotenuse(builder: RoutineBuilder) -> Routine:
    """Return ``hypotenuse(e, m, f, n) -> (kind, e, m)`` of two reals of 53 bits.

    The first is at least the second.
    """
    word, signed, high = builder.word, builder.signed, builder.target.high_product(64)
    add, normalise = builder.routine(make_wide_add), builder.routine(make_wide_normalise)
    shift_right, shift_left = (
        builder.routine(make_wide_shift_right),
        builder.routine(make_wide_shift_left),
    )
    square_root, integer_root = (
        builder.routine(make_square_root),
        builder.routine(_make_integer_root),
    )
    farthest, zero, one, half = signed(_FARTHEST), signed(0), signed(1), word(ONE)
    one_word, zero_word, two = word(1), word(0), signed(2)

    def hypotenuse(e: Any, m: Any, f: Any, n: Any) -> Any:
        distance = signed(e - f)
        if distance > farthest:
            return ROUNDED, e, m
        places = signed(two * distance)
        # Squares are in units of 2**(2e - 126), below 4.
        a, b = high(n, n), word(n * n)
        c, d = shift_right(a, b, places)
        lost = False
        if places > zero:
            u, v = shift_left(c, d, places)
            lost = (u != a) | (v != b)
        a, b = add(high(m, m), word(m * m), c, d)
        g = signed(signed(two * e) + one)
        if a < c:
            lost = lost | (word(b & one_word) != zero_word)
            a, b = shift_right(a, b, one)
            a, g = word(a | half), signed(g + one)
        k, a, b = normalise(a, b)
        g = signed(g + k)
        h, r = square_root(g, a)
        if signed(g & one) == zero:
            lost = lost | (word(b & one_word) != zero_word)
            a, b = shift_right(a, b, one)
        r, is_whole = integer_root(r, a, b)
        return (EXACT if is_whole & (not lost) else ROUNDED), h, r

    return hypotenuse


CORES: Final[dict[str, Maker]] = {"hypot": _make_hypotenuse}
"""``hypotenuse(e, m, f, n) -> (kind, e, m)`` by the name of the function."""
