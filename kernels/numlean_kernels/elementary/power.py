"""Powers.

**Method.** x**y = 2**(y * log2(x)), with the logarithm, its product with y and the power in two
words, since values may come as close to a point where rounding turns as chance has it among 2**64
pairs: some 2**-90 of themselves.

**Logarithm** (:mod:`.logarithm`, its reduction and table): ln(1 + r) by 18 terms of its series,
which leave less than 2**-126 of it; r is exact. Off one, the sum is within 2**-118, and not below
2**-8; near one it is the series alone. Its relative error is below 2**-108 either way. The exponent
y * log2(x) is at most 2**8 in magnitude, so it is within 2**-100.

**Power** (:mod:`.exponential`): 13 terms of 2**r for r < 2**-7 leave less than 2**-127.

A value within 2**-98 of a number of 26 bits is taken for it: powers that are such numbers are
computed within 2**-100, and among all others none can be expected so close. Where y * log2(x) is
below 2**-26 the value is told from one by its sign alone.
"""

from __future__ import annotations

from math import factorial
from typing import Any, Final

from numlean_kernels.elementary.constants import context, fractions, pairs, units, words
from numlean_kernels.elementary.logarithm import R_BITS, SUM_BITS, constants
from numlean_kernels.elementary.outcome import (
    ENDLESS,
    EXACT,
    INFINITE,
    NOUGHT,
    POLE,
    ROUNDED,
    UNDEFINED,
    ZERO,
    function_of_two,
)
from numlean_kernels.elementary.reals import ONE
from numlean_kernels.elementary.reduction import FARTHEST, WIDE
from numlean_kernels.elementary.wide import (
    make_scale,
    make_wide_add,
    make_wide_multiply,
    make_wide_normalise,
    make_wide_shift_right,
    make_wide_subtract,
    wide_series,
)
from numlean_kernels.ieee.kit import Kit, Maker
from numlean_kernels.targets.protocol import Routine

_LOG_TERMS: Final = 18
_POWER_TERMS: Final = 13
_GREATEST: Final = 9
"""Exponents of 2**8 and more are beyond every format."""
_LEAST: Final = -26
_BEYOND: Final = 1000
_NUMBER_BITS: Final = 26
_CLOSE: Final = 1 << 29
"""2**-98, in units of 2**-127."""


def _make_log_of_near(kit: Kit) -> Routine:
    """``log_of_near(falls, r) -> (a, b)``: log2(1 +- r) * 2**5, r being in units of 2**-70."""
    mp, word = context(), kit.word
    scale, shift_right = kit.routine(make_scale), kit.routine(make_wide_shift_right)
    add, subtract = kit.routine(make_wide_add), kit.routine(make_wide_subtract)
    multiply = kit.routine(make_wide_multiply)
    upper, lower = pairs(fractions(_LOG_TERMS, lambda k: mp.mpf(1) / (k + 2), 128))
    factor = units(1 / mp.ln(2) / 2, 128)
    factor_high, factor_low = word(factor >> 64), word(factor % (1 << 64))
    places, zero, last = kit.signed(R_BITS - 64), word(0), _LOG_TERMS - 1

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


def _make_log2(kit: Kit) -> Routine:
    """``log2(e, m) -> (negative, e, a, b)`` of a real of 24 bits that is not one.

    Its magnitude is (a, b) * 2**e, (a, b) being a wide fraction of at least 1/2.
    """
    word, signed, high = kit.word, kit.signed, kit.target.high_product(64)
    powers, factors, _, _ = constants(2)
    powers_high, powers_low = pairs(powers)
    factors_high, factors_low = pairs(factors)
    table, log_of_near = words(WIDE.factors), kit.routine(_make_log_of_near)
    add, subtract = kit.routine(make_wide_add), kit.routine(make_wide_subtract)
    normalise, shift_right = kit.routine(make_wide_normalise), kit.routine(make_wide_shift_right)
    index_shift, index_mask = word(63 - WIDE.index_bits), word((1 << WIDE.index_bits) - 1)
    up, down, sign_bit, zero, farthest = word(62), word(2), word(1 << 63), word(0), signed(FARTHEST)
    near_exponent, places = signed(-5), signed(128 + 5 - SUM_BITS)
    sum_exponent = signed(128 - SUM_BITS)

    def log2(e: Any, m: Any) -> Any:
        index = word(word(m >> index_shift) & index_mask)
        factor = word(table[index])
        r = word(word(high(m, factor) << up) | word(word(m * factor) >> down))
        falls = (r & sign_bit) != zero
        u, v = log_of_near(falls, word(zero - r) if falls else r)
        row = word(signed(e + farthest))
        a, b = add(
            word(powers_high[row]),
            word(powers_low[row]),
            word(factors_high[index]),
            word(factors_low[index]),
        )
        if word(a | b) == zero:
            f, a, b = normalise(u, v)
            return falls, signed(f + near_exponent), a, b
        u, v = shift_right(u, v, places)
        if falls:
            a, b = subtract(a, b, u, v)
        else:
            a, b = add(a, b, u, v)
        negative = (a & sign_bit) != zero
        if negative:
            a, b = subtract(zero, zero, a, b)
        f, a, b = normalise(a, b)
        return negative, signed(f + sum_exponent), a, b

    return log2


def make_wide_power_of_two(kit: Kit) -> Routine:
    """``power_of_two(a, b) -> (c, d)``: 2**f of a wide fraction f, in units of 2**-127."""
    mp, word = context(), kit.word
    table_high, table_low = pairs(
        [units(mp.mpf(2) ** (mp.mpf(i) / 128), 127) for i in range(1 << WIDE.index_bits)]
    )
    scale = mp.ln(2) / 128
    coefficients = [units(128 * scale**j / factorial(j), 128) for j in range(1, _POWER_TERMS + 1)]
    rising, multiply = kit.routine(wide_series(coefficients)), kit.routine(make_wide_multiply)
    add, shift_right = kit.routine(make_wide_add), kit.routine(make_wide_shift_right)
    index_shift, up, places = (
        word(64 - WIDE.index_bits),
        word(WIDE.index_bits),
        kit.signed(WIDE.index_bits),
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


def _make_power_of_number(kit: Kit) -> Routine:
    """``power(ea, ma, is_negative, eb, mb) -> (kind, e, m)``: of positive a, not one, by +-b."""
    word, signed = kit.word, kit.signed
    log2, power_of_two = kit.routine(_make_log2), kit.routine(make_wide_power_of_two)
    scale, shift_right = kit.routine(make_scale), kit.routine(make_wide_shift_right)
    one, zero, greatest, least = signed(1), signed(0), signed(_GREATEST), signed(_LEAST)
    half, ones, beyond, below = word(ONE), word((1 << 64) - 1), signed(_BEYOND), signed(-1)
    wide, close, zero_word, one_word = signed(64), word(_CLOSE), word(0), word(1)
    nearest, cut = word(1 << (63 - _NUMBER_BITS)), word(64 - _NUMBER_BITS)

    def power(ea: Any, ma: Any, is_negative: Any, eb: Any, mb: Any) -> Any:
        falls, e, a, b = log2(ea, ma)
        a, b = scale(a, b, mb)
        e = signed(signed(e + eb) + one)
        falls = falls != is_negative
        if e > greatest:
            return ROUNDED, (signed(-beyond) if falls else beyond), half
        if e <= least:
            return ROUNDED, (below if falls else zero), (ones if falls else half)
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
        is_number = ((c == number) & (d < close)) | (
            (c == word(number - one_word)) & (word(zero_word - d) <= close) & (d != zero_word)
        )
        if is_number:
            carried = number == zero_word
            return EXACT, (signed(k + one) if carried else k), (half if carried else number)
        return ROUNDED, k, c

    return power


def _make_parity(kit: Kit) -> Routine:
    """``parity(e, m) -> (is_integer, is_odd)`` of a real."""
    word, signed = kit.word, kit.signed
    zero, widest, one, zero_word = signed(0), signed(63), word(1), word(0)

    def parity(e: Any, m: Any) -> Any:
        if (e < zero) | (e > widest):
            return e > widest, False
        fraction = word(word(m << one) << word(e)) if e < widest else zero_word
        is_integer = fraction == zero_word
        return is_integer, is_integer & (word(word(m >> word(signed(widest - e))) & one) != 0)

    return parity


def _make_pow(kit: Kit) -> Routine:
    """The outcome of a to the power b, by the cases of clause 9.2.1."""
    signed, half = kit.signed, kit.word(ONE)
    parity, power = kit.routine(_make_parity), kit.routine(_make_power_of_number)
    zero = signed(0)

    def outcome(
        kind_a: Any, minus_a: Any, ea: Any, ma: Any, kind_b: Any, minus_b: Any, eb: Any, mb: Any
    ) -> Any:
        is_unit = (kind_a == 0) & (ea == zero) & (ma == half)
        if (kind_b == NOUGHT) | (is_unit & (not minus_a)):
            return EXACT, False, zero, half
        if kind_b == ENDLESS:
            if is_unit:
                return EXACT, False, zero, half
            grows = (kind_a == ENDLESS) | ((kind_a == 0) & (ea >= zero))
            return (INFINITE if grows != minus_b else ZERO), False, zero, half
        is_integer, is_odd = parity(eb, mb)
        negative = minus_a & is_odd
        if kind_a == NOUGHT:
            return (POLE if minus_b else ZERO), negative, zero, half
        if kind_a == ENDLESS:
            return (ZERO if minus_b else INFINITE), negative, zero, half
        if minus_a & (not is_integer):
            return UNDEFINED, False, zero, half
        if is_unit:
            return EXACT, negative, zero, half
        kind, e, m = power(ea, ma, minus_b, eb, mb)
        return kind, negative, e, m

    return outcome


def _make_is_constant(kit: Kit) -> Routine:
    half, zero = kit.word(ONE), kit.signed(0)

    def is_constant(
        kind_a: Any, minus_a: Any, ea: Any, ma: Any, kind_b: Any, minus_b: Any, eb: Any, mb: Any
    ) -> Any:
        is_one = (kind_a == 0) & (not minus_a) & (ea == zero) & (ma == half)
        return is_one | (kind_b == NOUGHT)

    return is_constant


POWER: Final[dict[str, Maker]] = {"pow": function_of_two(_make_pow, _make_is_constant)}
"""``f(a, b) -> (z, flags)`` by name."""
