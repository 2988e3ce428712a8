"""The hypotenuse: the root of an exact sum of squares, so that it is known exactly if need be.

Where a leg is below 2**-14 of the other the hypotenuse is above the longer one by less than 2**-28
of it, in which no rounding turns. Else both, as integers in one unit, have at most 38 bits and
squares less than 2**77. A root of 32 bits, and whether anything remains, tell the rounding.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from numlean_kernels.elementary.extended_floats import ONE, make_square_root
from numlean_kernels.elementary.outcome import (
    EXACT,
    INFINITE,
    INFINITE_OPERAND,
    ROUNDED,
    ZERO,
    ZERO_OPERAND,
    function_of_two,
)
from numlean_kernels.elementary.wide import make_wide_add, make_wide_normalise
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_PRECISION: Final = 24
_FARTHEST: Final = 14


def _make_hypotenuse(builder: RoutineBuilder) -> Routine:
    """``hypotenuse(e, m, f, n) -> (kind, e, m)`` of two reals of 24 bits, the first not below."""
    word, signed, high = builder.word, builder.signed, builder.target.high_product(64)
    add, normalise = builder.routine(make_wide_add), builder.routine(make_wide_normalise)
    square_root = builder.routine(make_square_root)
    farthest, cut, zero = signed(_FARTHEST), word(64 - _PRECISION), word(0)
    # The unit of the integers is 2**(f - 23), a wide fraction of squares counts 2**128 of theirs.
    exponent, odd, one = signed(128 - 2 * (_PRECISION - 1) - 1), signed(1), word(1)
    half_word, two = word(32), signed(2)

    def hypotenuse(e: Any, m: Any, f: Any, n: Any) -> Any:
        distance = signed(e - f)
        if distance > farthest:
            return ROUNDED, e, m
        long, short = word(word(m >> cut) << word(distance)), word(n >> cut)
        a, b = add(high(long, long), word(long * long), zero, word(short * short))
        g, a, b = normalise(a, b)
        g = signed(signed(g + exponent) + signed(two * f))
        is_even = signed(g & odd) == 0
        # An even power of four's part: the radicand is a, or half of it.
        u = word(a >> one) if is_even else a
        lost = (b != zero) | (is_even & (word(a & one) != zero))
        g, r = square_root(g, a)
        r = word(r >> half_word)
        rest = word(u - word(r * r))
        if rest > word(r + r):
            rest = word(rest - word(word(r + r) + one))
            r = word(r + one)
        is_exact = (rest == zero) & (not lost)
        return (EXACT if is_exact else ROUNDED), g, word(r << half_word)

    return hypotenuse


def hypot(make_hypotenuse: Maker) -> Maker:
    """The maker of ``f(a, b) -> (z, flags)``; infinite if a leg is, whatever the other.

    Args:
        make_hypotenuse: Makes ``hypotenuse(e, m, f, n) -> (kind, e, m)`` of two numbers, the first
            not below the second.
    """
    return function_of_two(partial(_make_outcome, make_hypotenuse), _make_is_endless)


def _make_outcome(make_hypotenuse: Maker, builder: RoutineBuilder) -> Routine:
    hypotenuse, half, zero = builder.routine(make_hypotenuse), builder.word(ONE), builder.signed(0)

    def outcome(
        kind_a: Any, minus_a: Any, ea: Any, ma: Any, kind_b: Any, minus_b: Any, eb: Any, mb: Any
    ) -> Any:
        if (kind_a == INFINITE_OPERAND) | (kind_b == INFINITE_OPERAND):
            return INFINITE, False, zero, half
        if (kind_a == ZERO_OPERAND) & (kind_b == ZERO_OPERAND):
            return ZERO, False, zero, half
        if kind_a == ZERO_OPERAND:
            return EXACT, False, eb, mb
        if kind_b == ZERO_OPERAND:
            return EXACT, False, ea, ma
        if (ea > eb) | ((ea == eb) & (ma >= mb)):
            kind, e, m = hypotenuse(ea, ma, eb, mb)
        else:
            kind, e, m = hypotenuse(eb, mb, ea, ma)
        return kind, False, e, m

    return outcome


def _make_is_endless(builder: RoutineBuilder) -> Routine:
    def is_endless(
        kind_a: Any, minus_a: Any, ea: Any, ma: Any, kind_b: Any, minus_b: Any, eb: Any, mb: Any
    ) -> Any:
        return (kind_a == INFINITE_OPERAND) | (kind_b == INFINITE_OPERAND)

    return is_endless


HYPOTENUSE: Final[dict[str, Maker]] = {"hypot": hypot(_make_hypotenuse)}
"""``f(a, b) -> (z, flags)`` by name."""
