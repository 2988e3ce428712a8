"""Powers.

**Method.** x**y = 2**(y * log2(x)), with the logarithm, its product with y and the power in two
words, since values may come as close to a rounding boundary as can be expected among 2**64 pairs:
about 2**-90 of themselves.

**Logarithm** (the reduction and table of :mod:`.logarithm`): 18 terms of the series of ln(1 + r)
leave less than 2**-126 of it; r is exact. Away from one, the sum is within two of its units; near
one it is the series alone, within 2**-118 of itself.

**Power** (:mod:`.exponential`): 13 terms of 2**r for r < 2**-7 leave less than 2**-127.

**Exact values** have at most p + 1 bits, or no rounding boundary near them. If x is a power of two,
log2(x) is an integer of at most 11 bits, else x is at most a 32nd power of a rational number; so y
is a multiple of 2**-10. For such y, a value closer to a number of p + 2 bits than the largest
possible error is taken for that number: no other value is expected so close. If y * log2(x) is so
small that the value is nearer to one than any other rounding boundary, its sign alone decides.

For up to 24 bits and 8 exponent bits the sum is in units of 2**-118, and y is at most 2**4: the
value is then within 2**-112, and taken for a number within 2**-98. For binary64 the units are
2**-116, y is at most 34, and the value is within 2**-109.4; the nearest value to the middle of two
numbers that is not the middle, (1 - 2**-53)**(1/2), is 2**-108 from it, for significands in [1, 2),
so 2**-109 is the limit. In general y is at most 2**18 away from one, since powers of 2**10 and more
are beyond the format, which makes an error of at most 2**-97: a result is the nearest number, or,
for a pair whose power is so close to the middle of two numbers, within 0.5 + 2**-43 units of the
last place.

**Near one** the values of tiny y are closer to rounding boundaries: numbers 1 + t with t about
2**-53 are as dense as multiples of 2**-106. There :mod:`.binary64.power` computes t itself, within
2**-115 of itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from math import factorial
from typing import Any, Final

from numlean_kernels.elementary.constants import context, fractions, pairs, units, words
from numlean_kernels.elementary.extended_floats import ONE
from numlean_kernels.elementary.logarithm import R_BITS
from numlean_kernels.elementary.outcome import EXACT, ROUNDED
from numlean_kernels.elementary.reduction import WIDE
from numlean_kernels.elementary.wide import (
    make_scale,
    make_wide_add,
    make_wide_multiply,
    make_wide_shift_right,
    make_wide_subtract,
    wide_series,
)
from numlean_kernels.elementary.wide_log_sum import wide_log_sum
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_LOG_TERMS: Final = 18
_POWER_TERMS: Final = 13
_SERIES_BITS: Final = 5
"""Bits by which the logarithm of a number near one is scaled up."""
_BEYOND: Final = 5000
"""An exponent beyond the range of every format, of either sign."""


@dataclass(frozen=True)
class Limits:
    """The parameters that depend on the format.

    Attributes:
        precision: The maximum number p of bits of a number.
        greatest: Powers of two of at least ``2**greatest`` are beyond the range.
        farthest: An upper bound of the exponents of numbers, of either sign.
        sum_bits: Logarithms are sums in units of ``2**-sum_bits``.
        close: A value in [1, 2) is a number within this distance, in units of ``2**-127``.
        near: If ``|y * log2(x)|`` is below ``2**near``, ``near_one`` is the power; None for never.
        near_one: Makes ``near_one(falls, e, a, b) -> (e, m)``: 2 to the power of ``+-(a, b) *
            2**e``, (a, b) a wide fraction of at least 1/4.
    """

    precision: int
    greatest: int
    farthest: int
    sum_bits: int
    close: int
    near: int | None = None
    near_one: Maker | None = None


_NARROW: Final = Limits(precision=24, greatest=8, farthest=320, sum_bits=118, close=1 << 29)


_LEAST_EXPONENT: Final = -10
"""Powers to exponents that are not multiples of 2**-10 are not exact."""


def _make_log_of_near(builder: RoutineBuilder) -> Routine:
    """Return ``log_of_near(falls, r) -> (a, b)``: log2(1 +- r) * 2**5; r in units of 2**-70."""
    mp, word = context(), builder.word
    scale, shift_right = builder.routine(make_scale), builder.routine(make_wide_shift_right)
    add, subtract = builder.routine(make_wide_add), builder.routine(make_wide_subtract)
    multiply = builder.routine(make_wide_multiply)
    upper, lower = pairs(fractions(_LOG_TERMS, lambda k: mp.mpf(1) / (k + 2), 128))
    factor = units(1 / mp.ln(2) / 2, 128)
    factor_high, factor_low = word(factor >> 64), word(factor % (1 << 64))
    places, zero, last = builder.signed(R_BITS - 64), word(0), _LOG_TERMS - 1

    def log_of_near(falls: Any, r: Any) -> Any:
        a, b = word(upper[last]), word(lower[last])
        for k in range(1, last + 1):
            a, b = scale(a, b, r)
            a, b = shift_right(a, b, places)
            c, d = word(upper[last - k]), word(lower[last - k])
            if falls:
                a, b = add(c, d, a, b)
            else:
                a, b = subtract(c, d, a, b)
        a, b = scale(a, b, r)
        a, b = shift_right(a, b, places)
        a, b = scale(a, b, r)
        if falls:
            a, b = add(r, zero, a, b)
        else:
            a, b = subtract(r, zero, a, b)
        return multiply(a, b, factor_high, factor_low)

    return log_of_near


@cache
def _log2(limits: Limits) -> Maker:
    """Return the maker of ``log2(e, m) -> (negative, e, a, b)`` of a number that is not one.

    Its magnitude is (a, b) * 2**e, where (a, b) is a wide fraction of at least 1/2.
    """
    return partial(_make_log2, limits)


def _make_log2(limits: Limits, builder: RoutineBuilder) -> Routine:
    word, high = builder.word, builder.target.high_product(64)
    table, log_of_near = words(WIDE.factors), builder.routine(_make_log_of_near)
    log_sum = builder.routine(
        wide_log_sum(
            2,
            sum_bits=limits.sum_bits,
            farthest=limits.farthest,
            series_bits=_SERIES_BITS,
            lead_bits=0,
        )
    )
    index_shift, index_mask = word(63 - WIDE.index_bits), word((1 << WIDE.index_bits) - 1)
    up, down, sign_bit, zero = word(62), word(2), word(1 << 63), word(0)

    def log2(e: Any, m: Any) -> Any:
        index = word(word(m >> index_shift) & index_mask)
        factor = word(table[index])
        r = word(word(high(m, factor) << up) | word(word(m * factor) >> down))
        falls = (r & sign_bit) != zero
        u, v = log_of_near(falls, word(zero - r) if falls else r)
        return log_sum(e, index, falls, u, v)

    return log2


def make_wide_power_of_two(builder: RoutineBuilder) -> Routine:
    """Return ``power_of_two(a, b) -> (c, d)``: 2**f of a wide fraction f, in units of 2**-127."""
    mp, word = context(), builder.word
    table_high, table_low = pairs(
        [units(mp.mpf(2) ** (mp.mpf(i) / 128), 127) for i in range(1 << WIDE.index_bits)]
    )
    scale = mp.ln(2) / 128
    coefficients = [units(128 * scale**j / factorial(j), 128) for j in range(1, _POWER_TERMS + 1)]
    rising, multiply = (
        builder.routine(wide_series(coefficients)),
        builder.routine(make_wide_multiply),
    )
    add, shift_right = builder.routine(make_wide_add), builder.routine(make_wide_shift_right)
    index_shift, up, places = (
        word(64 - WIDE.index_bits),
        word(WIDE.index_bits),
        builder.signed(WIDE.index_bits),
    )

    def power_of_two(a: Any, b: Any) -> Any:
        index = word(a >> index_shift)
        r, s = word(word(a << up) | word(b >> index_shift)), word(b << up)
        c, d = rising(r, s)
        c, d = multiply(c, d, r, s)
        start_high, start_low = word(table_high[index]), word(table_low[index])
        c, d = multiply(c, d, start_high, start_low)
        c, d = shift_right(c, d, places)
        return add(start_high, start_low, c, d)

    return power_of_two


def _make_may_be_exact(builder: RoutineBuilder) -> Routine:
    """Return ``may_be_exact(e, m)``: whether a real is a multiple of 2**-10."""
    word, signed = builder.word, builder.signed
    least, zero, widest = signed(-_LEAST_EXPONENT), signed(0), signed(62)
    one, zero_word = word(1), word(0)

    def may_be_exact(e: Any, m: Any) -> Any:
        places = signed(e + least)
        if (places < zero) | (places > widest):
            return places > widest
        return word(word(m << one) << word(places)) == zero_word

    return may_be_exact


def _make_not_near_one(builder: RoutineBuilder) -> Routine:
    def not_near_one(falls: Any, e: Any, a: Any, b: Any) -> Any:
        return e, a

    return not_near_one


@cache
def power_of_number(limits: Limits) -> Maker:
    """Return the maker of ``power(ea, ma, is_negative, eb, mb) -> (kind, e, m)``: a to +-b.

    a is positive and not one.
    """
    return partial(_make_power_of_number, limits)


def _make_power_of_number(limits: Limits, builder: RoutineBuilder) -> Routine:
    word, signed, number_bits = builder.word, builder.signed, limits.precision + 2
    log2, power_of_two = builder.routine(_log2(limits)), builder.routine(make_wide_power_of_two)
    scale, shift_right = builder.routine(make_scale), builder.routine(make_wide_shift_right)
    one, zero = signed(1), signed(0)
    greatest, least = signed(limits.greatest + 1), signed(-number_bits)
    half, ones, beyond, below = word(ONE), word((1 << 64) - 1), signed(_BEYOND), signed(-1)
    wide, close, zero_word, one_word = signed(64), word(limits.close), word(0), word(1)
    nearest, cut = word(1 << (63 - number_bits)), word(64 - number_bits)
    may_be_exact = builder.routine(_make_may_be_exact)
    near = signed(-number_bits if limits.near is None else limits.near)
    near_one = builder.routine(limits.near_one or _make_not_near_one)

    def power(ea: Any, ma: Any, is_negative: Any, eb: Any, mb: Any) -> Any:
        if (not is_negative) & (eb == zero) & (mb == half):
            return EXACT, ea, ma
        falls, e, a, b = log2(ea, ma)
        a, b = scale(a, b, mb)
        e = signed(signed(e + eb) + one)
        falls = falls != is_negative
        if e > greatest:
            return ROUNDED, (signed(-beyond) if falls else beyond), half
        if e <= least:
            return ROUNDED, (below if falls else zero), (ones if falls else half)
        if e <= near:
            k, c = near_one(falls, e, a, b)
            return ROUNDED, k, c
        k = zero
        if e > zero:
            k = signed(a >> word(signed(wide - e)))
            a = word(word(a << word(e)) | word(b >> word(signed(wide - e))))
            b = word(b << word(e))
        else:
            a, b = shift_right(a, b, signed(-e))
        if falls:
            k, a, b = signed(~k), word(~a), word(~b)
        c, d = power_of_two(a, b)
        number = word(word(word(c + nearest) >> cut) << cut)
        is_close = ((c == number) & (d < close)) | (
            (c == word(number - one_word)) & (word(zero_word - d) <= close) & (d != zero_word)
        )
        if is_close & may_be_exact(eb, mb):
            carried = number == zero_word
            return EXACT, (signed(k + one) if carried else k), (half if carried else number)
        return ROUNDED, k, c

    return power


CORES: Final[dict[str, Maker]] = {"pow": power_of_number(_NARROW)}
"""``power(ea, ma, is_negative, eb, mb) -> (kind, e, m)`` by the name of the function."""
