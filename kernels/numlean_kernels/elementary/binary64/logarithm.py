"""Logarithms of binary64, and functions built on them.

The reduction is that of :mod:`numlean_kernels.elementary.logarithm`, in two words: away from one
the sum is known within 2**-112, near one within 2**-80 of itself, and within 2**-40 of one it is a
polynomial.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from numlean_kernels.elementary.binary64.double_word import (
    SMALL,
    TINY,
    TINY_CUBIC,
    make_less_one,
    make_long_add,
    make_long_multiply,
    make_long_square_root,
    make_near_one,
    small_series,
)
from numlean_kernels.elementary.binary64.exponential import make_exponential
from numlean_kernels.elementary.constants import context, fractions, pairs, units, words
from numlean_kernels.elementary.extended_floats import ONE, make_just_below, make_normalise
from numlean_kernels.elementary.logarithm import R_BITS, integer_logarithm
from numlean_kernels.elementary.outcome import EXACT, POLE, ROUNDED, UNDEFINED, ZERO
from numlean_kernels.elementary.reduction import WIDE
from numlean_kernels.elementary.wide import (
    make_wide_add,
    make_wide_multiply,
    make_wide_normalise,
    make_wide_shift_right,
    make_wide_subtract,
)
from numlean_kernels.elementary.wide_log_sum import wide_log_sum
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_LOG_TERMS: Final = 18
_FARTHEST: Final = 1100
_SUM_BITS: Final = 116
_SERIES_BITS: Final = 6
"""Bits by which the logarithm of a number near one is scaled up."""
_MOST_DIGITS: Final = 22
"""10**22 has 52 significant bits, 10**23 has 54."""
SMALL_LOG1P: Final = small_series(Fraction(1, 3))


def make_log(builder: RoutineBuilder) -> Routine:
    """Return ``log(e, a, b) -> (negative, e, a, b)``: the logarithm of a double word.

    The double word is not one. r counts units of 2**-134, modulo 2**128.
    """
    word, high = builder.word, builder.target.high_product(64)
    table, log_of_near = words(WIDE.factors), builder.routine(_make_log_of_near)
    subtract = builder.routine(make_wide_subtract)
    log_sum = builder.routine(
        wide_log_sum(
            None,
            sum_bits=_SUM_BITS,
            farthest=_FARTHEST,
            series_bits=_SERIES_BITS,
            lead_bits=1,
        )
    )
    index_shift, index_mask = word(63 - WIDE.index_bits), word((1 << WIDE.index_bits) - 1)
    up, down, sign_bit, zero = word(62), word(2), word(1 << 63), word(0)

    def log(e: Any, a: Any, b: Any) -> Any:
        index = word(word(a >> index_shift) & index_mask)
        factor = word(table[index])
        r, carry = word(a * factor), high(b, factor)
        top = high(a, factor)
        r = word(r + carry)
        top = word(top + (word(1) if r < carry else zero))
        s = word(word(r << up) | word(word(b * factor) >> down))
        r = word(word(top << up) | word(r >> down))
        falls = (r & sign_bit) != zero
        if falls:
            r, s = subtract(zero, zero, r, s)
        u, v = log_of_near(falls, r, s)
        return log_sum(e, index, falls, u, v)

    return log


def _make_log_of_near(builder: RoutineBuilder) -> Routine:
    """Return ``log_of_near(falls, a, b) -> (a, b)``: ln(1 +- r) * 2**6, r = (a, b) * 2**-6."""
    mp, word = context(), builder.word
    multiply, shift_right = (
        builder.routine(make_wide_multiply),
        builder.routine(make_wide_shift_right),
    )
    add, subtract = builder.routine(make_wide_add), builder.routine(make_wide_subtract)
    upper, lower = pairs(fractions(_LOG_TERMS, lambda k: mp.mpf(1) / (k + 2), 128))
    places, last = builder.signed(R_BITS - 64), _LOG_TERMS - 1

    def log_of_near(falls: Any, a: Any, b: Any) -> Any:
        c, d = word(upper[last]), word(lower[last])
        for k in range(1, last + 1):
            c, d = multiply(c, d, a, b)
            c, d = shift_right(c, d, places)
            e, f = word(upper[last - k]), word(lower[last - k])
            if falls:
                c, d = add(e, f, c, d)
            else:
                c, d = subtract(e, f, c, d)
        c, d = multiply(c, d, a, b)
        c, d = shift_right(c, d, places)
        c, d = multiply(c, d, a, b)
        if falls:
            return add(a, b, c, d)
        return subtract(a, b, c, d)

    return log_of_near


def make_log1p_of_long(builder: RoutineBuilder) -> Routine:
    """Return ``log1p(is_minus, e, a, b) -> (e, a, b)``: |ln(1 +- y)| of a double word y.

    y may be large if it is added.
    """
    signed, log = builder.signed, builder.routine(make_log)
    near_one, add = builder.routine(make_near_one), builder.routine(make_long_add)
    small, small_exp = builder.routine(SMALL_LOG1P), signed(SMALL)
    zero, half, zero_word = signed(0), builder.word(ONE), builder.word(0)

    def log1p(is_minus: Any, e: Any, a: Any, b: Any) -> Any:
        if e < small_exp:
            return small(not is_minus, e, a, b)
        if e < zero:
            e, a, b = near_one(is_minus, e, a, b)
        else:
            e, a, b = add(e, a, b, zero, half, zero_word)
        _, e, a, b = log(e, a, b)
        return e, a, b

    return log1p


def _make_softplus(builder: RoutineBuilder) -> Routine:
    """Return max(x, 0) + ln(1 + y), y = exp(-|x|); for tiny y, y or just above x."""
    signed, exponential = builder.signed, builder.routine(make_exponential)
    log1p, add = builder.routine(make_log1p_of_long), builder.routine(make_long_add)
    tiny, zero_word = signed(2 * TINY), builder.word(0)

    def softplus(negative: Any, e: Any, m: Any) -> Any:
        k, a, b = exponential(True, e, m)
        if k < tiny:
            return ROUNDED, False, (k if negative else e), (a if negative else m)
        f, a, b = log1p(False, k, a, b)
        if not negative:
            if f < e:
                f, a, b = add(e, m, zero_word, f, a, b)
            else:
                f, a, b = add(f, a, b, e, m, zero_word)
        return ROUNDED, False, f, a

    return softplus


def _logarithm(base: int | None) -> Maker:
    """Return the maker of a logarithm to a base, or of the natural one; integers are exact."""

    def make(builder: RoutineBuilder) -> Routine:
        word, signed, log = builder.word, builder.signed, builder.routine(make_log)
        multiply, normalise = (
            builder.routine(make_wide_multiply),
            builder.routine(make_wide_normalise),
        )
        is_natural, mp = base is None, context()
        factor = mp.mpf(1) / 4 if base is None else 1 / mp.ln(base) / 2
        scale = units(factor, 128)
        c, d = word(scale >> 64), word(scale % (1 << 64))
        zero, half, zero_word, one = signed(0), word(ONE), word(0), signed(1)
        power = builder.routine(integer_logarithm(base, _MOST_DIGITS))
        narrow_normalise, integer = builder.routine(make_normalise), signed(63)

        def logarithm(negative: Any, e: Any, m: Any) -> Any:
            if negative:
                return UNDEFINED, False, e, m
            n = power(e, m)
            if n != zero:
                f, size = narrow_normalise(integer, word(signed(-n) if n < zero else n))
                return EXACT, n < zero, f, size
            if (e == zero) & (m == half):
                return ZERO, False, e, m
            is_negative, f, a, b = log(e, m, zero_word)
            if not is_natural:
                a, b = multiply(a, b, c, d)
                g, a, b = normalise(a, b)
                f = signed(signed(f + g) + one)
            return ROUNDED, is_negative, f, a

        return logarithm

    return make


def _make_log1p(builder: RoutineBuilder) -> Routine:
    """Return ln(1 + x); for tiny x, just below x."""
    word, signed, half = builder.word, builder.signed, builder.word(ONE)
    log1p, just_below = builder.routine(make_log1p_of_long), builder.routine(make_just_below)
    tiny, zero, zero_word = signed(TINY), signed(0), word(0)

    def outcome(negative: Any, e: Any, m: Any) -> Any:
        if negative & (e >= zero):
            return (POLE if (e == zero) & (m == half) else UNDEFINED), True, e, m
        if e < tiny:
            if not negative:
                e, m = just_below(e, m)
            return ROUNDED, negative, e, m
        f, a, _ = log1p(negative, e, m, zero_word)
        return ROUNDED, negative, f, a

    return outcome


def _make_atanh(builder: RoutineBuilder) -> Routine:
    """Return (ln(1 + x) - ln(1 - x)) / 2; for tiny x, just above x."""
    word, signed, half = builder.word, builder.signed, builder.word(ONE)
    log1p, add = builder.routine(make_log1p_of_long), builder.routine(make_long_add)
    tiny, zero, one, zero_word = signed(TINY_CUBIC), signed(0), signed(1), word(0)

    def atanh(negative: Any, e: Any, m: Any) -> Any:
        if e >= zero:
            return (POLE if (e == zero) & (m == half) else UNDEFINED), negative, e, m
        if e < tiny:
            return ROUNDED, negative, e, m
        f, a, b = log1p(True, e, m, zero_word)
        g, c, d = log1p(False, e, m, zero_word)
        f, a, _ = add(f, a, b, g, c, d)
        return ROUNDED, negative, signed(f - one), a

    return atanh


def _make_asinh(builder: RoutineBuilder) -> Routine:
    """Return ln(x + sqrt(x**2 + 1)); for tiny x, just below x."""
    word, signed, half = builder.word, builder.signed, builder.word(ONE)
    multiply, square_root = (
        builder.routine(make_long_multiply),
        builder.routine(make_long_square_root),
    )
    add, log = builder.routine(make_long_add), builder.routine(make_log)
    just_below, near_one = builder.routine(make_just_below), builder.routine(make_near_one)
    tiny, zero, zero_word = signed(TINY_CUBIC), signed(0), word(0)

    def asinh(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            e, m = just_below(e, m)
            return ROUNDED, negative, e, m
        f, a, b = multiply(e, m, zero_word, e, m, zero_word)
        if f < zero:
            f, a, b = near_one(False, f, a, b)
        else:
            f, a, b = add(f, a, b, zero, half, zero_word)
        f, a, b = square_root(f, a, b)
        f, a, b = add(f, a, b, e, m, zero_word)
        _, f, a, _ = log(f, a, b)
        return ROUNDED, negative, f, a

    return asinh


def _make_acosh(builder: RoutineBuilder) -> Routine:
    """Return ln(x + sqrt(x**2 - 1))."""
    word, signed, half = builder.word, builder.signed, builder.word(ONE)
    multiply, square_root = (
        builder.routine(make_long_multiply),
        builder.routine(make_long_square_root),
    )
    add, log, less_one = (
        builder.routine(make_long_add),
        builder.routine(make_log),
        builder.routine(make_less_one),
    )
    zero, zero_word = signed(0), word(0)

    def acosh(negative: Any, e: Any, m: Any) -> Any:
        if negative | (e < zero):
            return UNDEFINED, False, e, m
        if (e == zero) & (m == half):
            return ZERO, False, e, m
        f, a, b = multiply(e, m, zero_word, e, m, zero_word)
        f, a, b = less_one(f, a, b)
        f, a, b = square_root(f, a, b)
        if f < e:
            f, a, b = add(e, m, zero_word, f, a, b)
        else:
            f, a, b = add(f, a, b, e, m, zero_word)
        _, f, a, _ = log(f, a, b)
        return ROUNDED, False, f, a

    return acosh


CORES: Final[dict[str, Maker]] = {
    "log": _logarithm(None),
    "log2": _logarithm(2),
    "log10": _logarithm(10),
    "log1p": _make_log1p,
    "softplus": _make_softplus,
    "asinh": _make_asinh,
    "acosh": _make_acosh,
    "atanh": _make_atanh,
}
"""``core(negative, e, m) -> outcome`` by the name of the function."""
