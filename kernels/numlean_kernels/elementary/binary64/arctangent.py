"""Arc functions of binary64, by the reduction of :mod:`numlean_kernels.elementary.atan2`.

Coordinates are double words; the angle is known within 2**-112 of itself.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.elementary.arctangent import (
    STEPS,
    SUM_BITS,
    arctangents,
    make_complete,
    make_nearest,
)
from numlean_kernels.elementary.atan2 import make_arctangent
from numlean_kernels.elementary.binary64.double_word import (
    TINY_CUBIC,
    make_long_divide,
    make_long_multiply,
    make_long_square_root,
    make_near_one,
)
from numlean_kernels.elementary.constants import context, pairs, units
from numlean_kernels.elementary.extended_floats import ONE, make_just_below
from numlean_kernels.elementary.outcome import ROUNDED, UNDEFINED, ZERO
from numlean_kernels.elementary.wide import (
    make_scale,
    make_wide_add,
    make_wide_normalise,
    make_wide_shift_right,
    make_wide_subtract,
)
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine


def _make_angle(builder: RoutineBuilder) -> Routine:
    """Return ``angle(ey, ay, by, ex, ax, bx, is_left) -> (e, m)``: that of the point (+-x, y)."""
    word, signed = builder.word, builder.signed
    table_high, table_low = pairs(arctangents())
    nearest, arctangent = builder.routine(make_nearest), builder.routine(make_arctangent)
    scale, divide, complete = (
        builder.routine(make_scale),
        builder.routine(make_long_divide),
        builder.routine(make_complete),
    )
    add, subtract = builder.routine(make_wide_add), builder.routine(make_wide_subtract)
    shift_right, normalise = (
        builder.routine(make_wide_shift_right),
        builder.routine(make_wide_normalise),
    )
    zero_word, one, up = word(0), signed(1), word(63 - (STEPS.bit_length() - 1))
    below, places = signed(-1), signed(127 - SUM_BITS)

    def angle(ey: Any, ay: Any, by: Any, ex: Any, ax: Any, bx: Any, is_left: Any) -> Any:
        is_swapped = (ey > ex) | ((ey == ex) & ((ay > ax) | ((ay == ax) & (by > bx))))
        if is_swapped:
            ey, ay, by, ex, ax, bx = ex, ax, bx, ey, ay, by
        index = nearest(ey, ay, ex, ax)
        falls, is_zero = False, False
        if index == zero_word:
            e, a, b = divide(ey, ay, by, ex, ax, bx)
        else:
            # All operands are halved to avoid overflow: c = 2 * step.
            step = word(index << up)
            u, v = shift_right(ay, by, signed(ex - ey))
            c, d = scale(u, v, step)
            p, q = shift_right(ax, bx, one)
            p, q = add(p, q, c, d)
            c, d = scale(ax, bx, step)
            u, v = shift_right(u, v, one)
            falls = (u < c) | ((u == c) & (v < d))
            if falls:
                u, v = subtract(c, d, u, v)
            else:
                u, v = subtract(u, v, c, d)
            is_zero = word(u | v) == zero_word
            f, u, v = normalise(u if not is_zero else p, v)
            g, p, q = normalise(p, q)
            e, a, b = divide(f, u, v, g, p, q)
        a, b = arctangent(a, b, signed(below - e))
        if (index == zero_word) & (not is_swapped) & (not is_left):
            g, a, b = normalise(a, b)
            return signed(e + g), a
        a, b = shift_right(a, b, signed(places - e))
        a, b = (zero_word if is_zero else a), (zero_word if is_zero else b)
        if falls:
            a, b = subtract(word(table_high[index]), word(table_low[index]), a, b)
        else:
            a, b = add(word(table_high[index]), word(table_low[index]), a, b)
        return complete(a, b, is_swapped, is_left)

    return angle


def _make_atan(builder: RoutineBuilder) -> Routine:
    """Return the angle of (1, x); for tiny x, just below x."""
    angle, just_below = builder.routine(_make_angle), builder.routine(make_just_below)
    tiny, zero, half, zero_word = (
        builder.signed(TINY_CUBIC),
        builder.signed(0),
        builder.word(ONE),
        builder.word(0),
    )

    def atan(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            f, n = just_below(e, m)
        else:
            f, n = angle(e, m, zero_word, zero, half, zero_word, False)
        return ROUNDED, negative, f, n

    return atan


def _make_leg(builder: RoutineBuilder) -> Routine:
    """Return ``leg(e, m) -> (e, a, b)``: sqrt(1 - x**2) for x below one."""
    multiply, square_root = (
        builder.routine(make_long_multiply),
        builder.routine(make_long_square_root),
    )
    near_one, zero_word = builder.routine(make_near_one), builder.word(0)

    def leg(e: Any, m: Any) -> Any:
        f, a, b = multiply(e, m, zero_word, e, m, zero_word)
        f, a, b = near_one(True, f, a, b)
        return square_root(f, a, b)

    return leg


def _make_asin(builder: RoutineBuilder) -> Routine:
    """Return the angle of (sqrt(1 - x**2), x); for tiny x, just above x."""
    angle, leg = builder.routine(_make_angle), builder.routine(_make_leg)
    tiny, zero, half, zero_word = (
        builder.signed(TINY_CUBIC),
        builder.signed(0),
        builder.word(ONE),
        builder.word(0),
    )
    right_angle = builder.word(units(context().pi / 2, 63))

    def asin(negative: Any, e: Any, m: Any) -> Any:
        if e >= zero:
            is_one = (e == zero) & (m == half)
            return (ROUNDED if is_one else UNDEFINED), negative, zero, right_angle
        if e < tiny:
            return ROUNDED, negative, e, m
        f, a, b = leg(e, m)
        f, n = angle(e, m, zero_word, f, a, b, False)
        return ROUNDED, negative, f, n

    return asin


def _make_acos(builder: RoutineBuilder) -> Routine:
    """Return the angle of (x, sqrt(1 - x**2))."""
    angle, leg = builder.routine(_make_angle), builder.routine(_make_leg)
    zero, one, half, zero_word = (
        builder.signed(0),
        builder.signed(1),
        builder.word(ONE),
        builder.word(0),
    )
    straight_angle = builder.word(units(context().pi / 2, 63))

    def acos(negative: Any, e: Any, m: Any) -> Any:
        if e >= zero:
            kind = UNDEFINED
            if (e == zero) & (m == half):
                kind = ROUNDED if negative else ZERO
            return kind, False, one, straight_angle
        f, a, b = leg(e, m)
        f, n = angle(f, a, b, e, m, zero_word, negative)
        return ROUNDED, False, f, n

    return acos


def _make_angle_of_reals(builder: RoutineBuilder) -> Routine:
    """Return ``angle(ey, my, ex, mx, is_left) -> (e, m)``."""
    angle, zero_word = builder.routine(_make_angle), builder.word(0)

    def angle_of_reals(ey: Any, my: Any, ex: Any, mx: Any, is_left: Any) -> Any:
        return angle(ey, my, zero_word, ex, mx, zero_word, is_left)

    return angle_of_reals


CORES: Final[dict[str, Maker]] = {
    "atan": _make_atan,
    "asin": _make_asin,
    "acos": _make_acos,
    "atan2": _make_angle_of_reals,
}
"""The cores of functions, as :mod:`numlean_kernels.elementary.special_cases` takes them."""
