"""Arc functions: the angle of a point, from a table and a short series.

**Notation.** The angle of (x, y), 0 < y <= x, is arctan(c) + arctan(d), where c = i/32 is next to
y/x and d = (y - c*x) / (x + c*y), |d| < 2**-5.4. If y > x, they are swapped and the angle is
subtracted from pi/2; if x is negative, from pi.

**Series.** arctan(d) = d * (1 - v/3 + v**2/5 - ...), v = d**2; seven terms leave less than 2**-72.

**Error.** d is off by less than 6 units if x and y are exact, and is less than 1/32 of the angle if
c is not zero: the constants count units of 2**-125. If x or y is a root, its own 4 units dominate;
in all the angle is within 9 units, 2**-59.8.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.elementary.constants import context, fractions, pairs, units
from numlean_kernels.elementary.extended_floats import (
    ONE,
    make_add,
    make_divide,
    make_fraction,
    make_just_below,
    make_multiply,
    make_normalise,
    make_shift_right_pair,
    make_square_root,
    make_subtract,
    series,
)
from numlean_kernels.elementary.outcome import ROUNDED, UNDEFINED, ZERO
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

STEPS: Final = 32
"""The steps of the table, up to a tangent of one."""
SUM_BITS: Final = 125
_TERMS: Final = 6
_TINY: Final = -13
"""Below this exponent x**2 is less than 2**-26: no rounding boundary lies between x and the value.
"""


def arctangents() -> list[int]:
    """Return the angles of the tangents of the table, in units of ``2**-125``."""
    mp = context()
    return [units(mp.atan(mp.mpf(i) / STEPS), SUM_BITS) for i in range(STEPS + 1)]


def make_complete(builder: RoutineBuilder) -> Routine:
    """Return ``complete(high, low, is_swapped, is_left) -> (e, m)``: the angle in its half plane.

    The angle within its octant, (high, low), is in units of 2**-125.
    """
    mp, word, signed = context(), builder.word, builder.signed
    normalise = builder.routine(make_normalise)
    starts_high, starts_low = pairs([units(k * mp.pi / 2, SUM_BITS) for k in range(3)])
    one, two, zero = word(1), word(2), word(0)
    exponent, wide = signed(63 - (SUM_BITS - 64)), signed(64)

    def complete(upper: Any, low: Any, is_swapped: Any, is_left: Any) -> Any:
        start = one if is_swapped else (two if is_left else zero)
        base_high, base_low = word(starts_high[start]), word(starts_low[start])
        if is_swapped == is_left:
            total = word(base_low + low)
            upper = word(word(base_high + upper) + (one if total < low else zero))
        else:
            total = word(base_low - low)
            upper = word(word(base_high - upper) - (one if base_low < low else zero))
        e, m = normalise(exponent, upper)
        zeros = signed(exponent - e)
        return e, word(m | (word(total >> word(signed(wide - zeros))) if zeros > 0 else zero))

    return complete


def make_angle(builder: RoutineBuilder) -> Routine:
    """Return ``angle(ey, my, ex, mx, is_left) -> (e, m)``: that of the point (+-x, y), x, y > 0."""
    word, signed = builder.word, builder.signed
    table_high, table_low = pairs(arctangents())
    nearest, tangent = builder.routine(make_nearest), builder.routine(_make_residue)
    complete, shift_right_pair = (
        builder.routine(make_complete),
        builder.routine(make_shift_right_pair),
    )
    places, one, zero = signed(63 - (SUM_BITS - 64)), word(1), word(0)

    def angle(ey: Any, my: Any, ex: Any, mx: Any, is_left: Any) -> Any:
        is_swapped = (ey > ex) | ((ey == ex) & (my > mx))
        if is_swapped:
            ey, my, ex, mx = ex, mx, ey, my
        index = nearest(ey, my, ex, mx)
        falls, is_zero, e, m = tangent(index, ey, my, ex, mx)
        if (index == zero) & (not is_swapped) & (not is_left):
            return e, m
        inner, outer = shift_right_pair(zero if is_zero else m, signed(places - e))
        upper, low = word(table_high[index]), word(table_low[index])
        if falls:
            upper = word(word(upper - inner) - (one if low < outer else zero))
            low = word(low - outer)
        else:
            low = word(low + outer)
            upper = word(word(upper + inner) + (one if low < outer else zero))
        return complete(upper, low, is_swapped, is_left)

    return angle


def make_nearest(builder: RoutineBuilder) -> Routine:
    """Return ``nearest(ey, my, ex, mx)``: 32 * y/x rounded, from the leading bits."""
    word, signed = builder.word, builder.signed
    half, five, one, zero = word(32), word(5), word(1), word(0)
    farthest = signed(6)

    def nearest(ey: Any, my: Any, ex: Any, mx: Any) -> Any:
        distance = signed(ex - ey)
        if distance > farthest:
            return zero
        x = word(mx >> half)
        y = word(word(word(my >> half) << five) >> word(distance))
        return word(word(y + word(x >> one)) // x)

    return nearest


def _make_residue(builder: RoutineBuilder) -> Routine:
    """Return ``residue(index, ...) -> (is_negative, is_zero, e, m)``: arctan(d)."""
    word, signed, high = builder.word, builder.signed, builder.target.high_product(64)
    add, subtract, divide = (builder.routine(f) for f in (make_add, make_subtract, make_divide))
    multiply, normalise = builder.routine(make_multiply), builder.routine(make_normalise)
    fraction, below, zero = builder.routine(make_fraction), builder.signed(-1), word(0)
    mp = context()
    falling = builder.routine(
        series(fractions(_TERMS, lambda k: mp.mpf(1) / (2 * k + 3)), alternating=True)
    )
    ones, unit = word((1 << 64) - 1), signed(63 - STEPS.bit_length() + 1)

    def arctangent(e: Any, m: Any) -> Any:
        x = fraction(e, m)
        v = high(x, x)
        lost = high(v, falling(v))
        return multiply(e, m, below, word(zero - lost) if lost != zero else ones)

    arctangent = builder.target.routine(arctangent)

    def residue(index: Any, ey: Any, my: Any, ex: Any, mx: Any) -> Any:
        if index == zero:
            e, m = divide(ey, my, ex, mx)
            e, m = arctangent(e, m)
            return False, False, e, m
        ec, mc = normalise(unit, index)
        f, n = multiply(ec, mc, ex, mx)
        if (f == ey) & (n == my):
            return False, True, ey, my
        is_negative = (f > ey) | ((f == ey) & (n > my))
        if is_negative:
            e, m = subtract(f, n, ey, my)
        else:
            e, m = subtract(ey, my, f, n)
        g, d = multiply(ec, mc, ey, my)
        g, d = add(ex, mx, g, d)
        e, m = divide(e, m, g, d)
        e, m = arctangent(e, m)
        return is_negative, False, e, m

    return residue


def _make_atan(builder: RoutineBuilder) -> Routine:
    """Return the angle of (1, x); for tiny x, just below x."""
    angle, just_below = builder.routine(make_angle), builder.routine(make_just_below)
    tiny, zero, half = builder.signed(_TINY), builder.signed(0), builder.word(ONE)

    def atan(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            f, n = just_below(e, m)
        else:
            f, n = angle(e, m, zero, half, False)
        return ROUNDED, negative, f, n

    return atan


def _make_cosine_of_arcsine(builder: RoutineBuilder) -> Routine:
    """Return ``leg(e, m)``: sqrt((1 - x) * (1 + x)) for x below one; a factor is exact or tiny."""
    add, subtract = builder.routine(make_add), builder.routine(make_subtract)
    multiply, square_root = builder.routine(make_multiply), builder.routine(make_square_root)
    zero, half = builder.signed(0), builder.word(ONE)

    def leg(e: Any, m: Any) -> Any:
        f, n = subtract(zero, half, e, m)
        g, d = add(zero, half, e, m)
        f, n = multiply(f, n, g, d)
        return square_root(f, n)

    return leg


def _make_asin(builder: RoutineBuilder) -> Routine:
    """Return the angle of (sqrt(1 - x**2), x); for tiny x, just above x."""
    angle, leg = builder.routine(make_angle), builder.routine(_make_cosine_of_arcsine)
    tiny, zero, half = builder.signed(_TINY), builder.signed(0), builder.word(ONE)
    right_angle = builder.word(units(context().pi / 2, 63))

    def asin(negative: Any, e: Any, m: Any) -> Any:
        if e >= zero:
            is_one = (e == zero) & (m == half)
            return (ROUNDED if is_one else UNDEFINED), negative, zero, right_angle
        if e < tiny:
            return ROUNDED, negative, e, m
        f, n = leg(e, m)
        f, n = angle(e, m, f, n, False)
        return ROUNDED, negative, f, n

    return asin


def _make_acos(builder: RoutineBuilder) -> Routine:
    """Return the angle of (x, sqrt(1 - x**2))."""
    angle, leg = builder.routine(make_angle), builder.routine(_make_cosine_of_arcsine)
    zero, one, half = builder.signed(0), builder.signed(1), builder.word(ONE)
    straight_angle = builder.word(units(context().pi / 2, 63))

    def acos(negative: Any, e: Any, m: Any) -> Any:
        if e >= zero:
            kind = UNDEFINED
            if (e == zero) & (m == half):
                kind = ROUNDED if negative else ZERO
            return kind, False, one, straight_angle
        f, n = leg(e, m)
        f, n = angle(f, n, e, m, negative)
        return ROUNDED, False, f, n

    return acos


CORES: Final[dict[str, Maker]] = {"atan": _make_atan, "asin": _make_asin, "acos": _make_acos}
"""``core(negative, e, m) -> outcome`` by the name of the function."""
