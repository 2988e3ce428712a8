"""The angle of a point, in two words, since it may come close to a rounding boundary.

The reduction is that of :mod:`.arctangent`. x and y are integers, so numerator and denominator of d
are exact; their quotient is cut to 135 bits, and eleven terms of the series leave less than 2**-126
of d. In all the error is below 2**-120 of the angle. If x is positive and y/x tiny, the angle is
below that quotient, which differs from every number by more than 2**-49 unless it is exact.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.elementary.arctangent import STEPS, SUM_BITS, arctangents, make_complete
from numlean_kernels.elementary.constants import context, fractions, pairs
from numlean_kernels.elementary.wide import (
    make_wide_add,
    make_wide_multiply,
    make_wide_normalise,
    make_wide_shift_right,
    make_wide_subtract,
    wide_series,
)
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_PRECISION: Final = 24
_DIGIT_BITS: Final = 27
_FARTHEST: Final = 6
"""The largest difference of exponents for which y/x is not next to zero in the table."""
_TERMS: Final = 10
_MOST: Final = 1000


def _make_quotient(builder: RoutineBuilder) -> Routine:
    """Return ``quotient(n, d) -> (a, b)``: n/d < 1 as a wide fraction, cut; d below 2**37.

    It has five digits of 27 bits, the last of which ends beyond the fraction.
    """
    word = builder.word
    digit = word(_DIGIT_BITS)
    first, second, third, rest = word(37), word(10), word(17), word(47)
    fourth, fifth = word(20), word(7)

    def quotient(n: Any, d: Any) -> Any:
        n = word(n << digit)
        q1 = word(n // d)
        n = word(word(n - word(q1 * d)) << digit)
        q2 = word(n // d)
        n = word(word(n - word(q2 * d)) << digit)
        q3 = word(n // d)
        n = word(word(n - word(q3 * d)) << digit)
        q4 = word(n // d)
        n = word(word(n - word(q4 * d)) << digit)
        q5 = word(n // d)
        a = word(word(word(q1 << first) | word(q2 << second)) | word(q3 >> third))
        b = word(word(word(q3 << rest) | word(q4 << fourth)) | word(q5 >> fifth))
        return a, b

    return quotient


def make_arctangent(builder: RoutineBuilder) -> Routine:
    """Return ``arctangent(a, b, n) -> (a, b)``: of q = (a, b) / 2**n, times 2**n, below q."""
    mp, word = context(), builder.word
    multiply, subtract = builder.routine(make_wide_multiply), builder.routine(make_wide_subtract)
    shift_right, add = builder.routine(make_wide_shift_right), builder.routine(make_wide_add)
    falling = builder.routine(
        wide_series(fractions(_TERMS, lambda k: mp.mpf(1) / (2 * k + 3), 128), alternating=True)
    )
    signed, zero, one = builder.signed, word(0), word(1)

    def arctangent(a: Any, b: Any, n: Any) -> Any:
        c, d = multiply(a, b, a, b)
        c, d = shift_right(c, d, signed(n + n))
        e, f = falling(c, d)
        c, d = multiply(c, d, e, f)
        c, d = multiply(c, d, a, b)
        c, d = add(c, d, zero, one)
        return subtract(a, b, c, d)

    return arctangent


def _make_angle(builder: RoutineBuilder) -> Routine:
    """Return ``angle(ey, my, ex, mx, is_left) -> (e, m)``: that of the point (+-x, y), x, y > 0."""
    word, signed = builder.word, builder.signed
    table_high, table_low = pairs(arctangents())
    quotient, arctangent = builder.routine(_make_quotient), builder.routine(make_arctangent)
    add, subtract = builder.routine(make_wide_add), builder.routine(make_wide_subtract)
    shift_right, normalise = (
        builder.routine(make_wide_shift_right),
        builder.routine(make_wide_normalise),
    )
    complete = builder.routine(make_complete)
    cut, farthest, zero, one = word(64 - _PRECISION), signed(_FARTHEST), signed(0), word(1)
    zero_word, five, below, most = word(0), word(STEPS.bit_length() - 1), signed(-1), signed(_MOST)
    one_exp, places = signed(1), signed(128 - SUM_BITS)

    def angle(ey: Any, my: Any, ex: Any, mx: Any, is_left: Any) -> Any:
        is_swapped = (ey > ex) | ((ey == ex) & (my > mx))
        if is_swapped:
            ey, my, ex, mx = ex, mx, ey, my
        y, x = word(my >> cut), word(mx >> cut)
        distance = signed(ex - ey)
        index, falls, lift = zero_word, False, zero
        if distance > farthest:
            # Half the quotient, so that it is below one.
            lift = signed((distance if distance < most else most) - one_exp)
            a, b = quotient(y, word(x << one))
        else:
            x = word(x << word(distance))
            index = word(word(word(y << five) + word(x >> one)) // x)
            near = word(index * x)
            n = word(y << five)
            falls = n < near
            n = word(near - n) if falls else word(n - near)
            a, b = quotient(n, word(word(x << five) + word(index * y)))
        is_zero = word(a | b) == zero_word
        if not is_zero:
            a, b = arctangent(a, b, lift)
        if (index == zero_word) & (not is_swapped) & (not is_left):
            e, a, b = normalise(a, b)
            return signed(signed(e - lift) + below), a
        a, b = shift_right(a, b, signed(places + lift))
        if falls:
            a, b = subtract(word(table_high[index]), word(table_low[index]), a, b)
        else:
            a, b = add(word(table_high[index]), word(table_low[index]), a, b)
        return complete(a, b, is_swapped, is_left)

    return angle


CORES: Final[dict[str, Maker]] = {"atan2": _make_angle}
"""``angle(ey, my, ex, mx, is_left) -> (e, m)`` by the name of the function."""
