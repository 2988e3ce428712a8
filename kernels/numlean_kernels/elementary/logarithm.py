"""Logarithms, and functions built on them.

**Reduction.** A real m * 2**k with m in [1, 2) has the logarithm k*ln 2 - ln c + ln(1 + r), where c
is 1/m to 9 bits, selected from a table by the upper 7 bits of m, and r = m*c - 1, |r| <= 2**-7. The
table has c = 1 next to 1, and 1/2 next to 2, so near one both constants cancel exactly and no bits
are lost. r counts units of 2**-70, modulo 2**64: the 1 that is subtracted is a multiple of that.

**ln(1 + r)** = r * (A(v) - r*B(v)) for v = r**2, with A = 1 + v/3 + v**2/5 + ... and B = 1/2 + v/4
+ ..., whose terms up to v**4 and v**3 leave less than 2**-66 of the whole. Cuts make it short by
less than 2**-60 of itself. The constants count units of 2**-118; away from one the sum is at least
2**-8, so it is also known within 2**-59 of itself.

**ln(1 + w)** is the same with r = (1 + w) * c * 2**-k - 1, which is exact except for the last unit.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from numlean_kernels.elementary.constants import context, fractions, pairs, units, words
from numlean_kernels.elementary.exponential import make_exponential
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
from numlean_kernels.elementary.outcome import EXACT, POLE, ROUNDED, UNDEFINED, ZERO
from numlean_kernels.elementary.reduction import FARTHEST, WIDE, scale_of
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

R_BITS: Final = 70
SUM_BITS: Final = 118
_MOST_DIGITS: Final = 10
"""10**10 = 5**10 * 2**10 is the greatest power of ten of 24 bits."""
_TINY: Final = -13
"""Below this exponent x**2 is less than 2**-26: no rounding boundary lies between x and the value.
"""
_NEAR: Final = -7
"""Below this exponent, that is below 2**-7, ln(1 + w) is the series alone."""


@cache
def _thirds() -> Maker:
    """Return the maker of ``thirds(v)``: A is 1 + v * thirds(v)."""
    return series(fractions(4, lambda j: context().mpf(1) / (2 * j + 3)))


@cache
def _halves() -> Maker:
    """Return the maker of B."""
    return series(fractions(4, lambda j: context().mpf(1) / (2 * j + 2)))


def _make_series(builder: RoutineBuilder) -> Routine:
    """Return ``log_series(is_negative, e, m) -> (e, m)``: |ln(1 +- x)|, x at most 2**-7.

    For tiny x the result is just below x; if is_negative, x or just above.
    """
    word = builder.word
    high = builder.target.high_product(64)
    multiply, fraction = builder.routine(make_multiply), builder.routine(make_fraction)
    thirds, halves = builder.routine(_thirds()), builder.routine(_halves())
    half, one, zero, ones = word(ONE), word(1), word(0), word((1 << 64) - 1)
    zero_exp, below_exp = builder.signed(0), builder.signed(-1)

    def log_series(is_negative: Any, e: Any, m: Any) -> Any:
        x = fraction(e, m)
        v = high(x, x)
        even, odd = high(v, thirds(v)), high(x, halves(v))
        if is_negative:
            return multiply(e, m, zero_exp, word(half + word(word(even + odd) >> one)))
        falling = word(even - odd)  # below one, which is implicit
        return multiply(e, m, below_exp, falling if falling != zero else ones)

    return log_series


@cache
def _sum(base: int | None) -> Maker:
    """Return the maker of ``log_sum(k, index, r) -> (negative, e, m)``: the logarithm to a base.

    It is k times that of 2, minus that of the factor of the table, plus that of 1 + r; the sum is
    not zero. The signs of r and of the sum are unpredictable, so they are masks, all ones if
    negative.
    """

    def make(builder: RoutineBuilder) -> Routine:
        word, signed, high = builder.word, builder.signed, builder.target.high_product(64)
        powers, factors, e, scale = constants(base)
        powers_high, powers_low = pairs(powers)
        factors_high, factors_low = pairs(factors)
        product, normalise = builder.routine(_make_product), builder.routine(make_normalise)
        shift_right_pair = builder.routine(make_shift_right_pair)
        is_natural, scale = base is None, word(scale)
        farthest, sum_exponent = signed(FARTHEST), signed(63 - (SUM_BITS - 64))
        # The unit of the product is 2**-69, and with the factor of the base 2**(e - 68).
        lift = (R_BITS - 1) if is_natural else R_BITS - 2 - e
        r_exponent, places = signed(63 - lift), signed(lift + 64 - SUM_BITS)
        top, zero, one = word(63), word(0), word(1)

        def log_sum(k: Any, index: Any, r: Any) -> Any:
            row = word(signed(k + farthest))
            addend = word(factors_low[index])
            low = word(word(powers_low[row]) + addend)
            upper = word(word(powers_high[row]) + word(factors_high[index]))
            upper = word(upper + (one if low < addend else zero))
            falls = word(zero - word(r >> top))
            zeros, p = product(falls, word(word(r ^ falls) - falls))
            p = p if is_natural else high(p, scale)
            if word(upper | low) == 0:
                e, m = normalise(signed(r_exponent - zeros), p)
                return falls != zero, e, m
            inner, outer = shift_right_pair(p, signed(places + zeros))
            outer = word(word(outer ^ falls) + word(falls & one))
            carry = one if outer < word(falls & one) else zero
            low = word(low + outer)
            upper = word(word(upper + word(inner ^ falls)) + carry)
            upper = word(upper + (one if low < outer else zero))
            minus = word(zero - word(upper >> top))
            low = word(word(low ^ minus) + word(minus & one))
            upper = word(word(upper ^ minus) + (word(minus & one) if low == 0 else zero))
            e, m = normalise(sum_exponent, upper)
            lost = word(signed(signed(63) - signed(sum_exponent - e)))
            return minus != zero, e, word(m | word(word(low >> one) >> lost))

        return log_sum

    return make


def _make_product(builder: RoutineBuilder) -> Routine:
    """Return ``product(falls, a) -> (zeros, p)``: ln(1 +- a) in units of 2**-(69 + zeros).

    a is in units of 2**-70. As in :func:`_make_series`, with the sign as a mask. p has up to two
    leading zeros.
    """
    word, signed, high, clz = (
        builder.word,
        builder.signed,
        builder.target.high_product(64),
        builder.clz,
    )
    thirds, halves = builder.routine(_thirds()), builder.routine(_halves())
    to_fraction, half, one, sign_bit = word(R_BITS - 64), word(ONE), word(1), word(1 << 63)
    last = word(63)

    def product(falls: Any, a: Any) -> Any:
        zeros = clz(a)
        x = word(a >> to_fraction)
        v = high(x, x)
        even, odd = high(v, thirds(v)), high(x, halves(v))
        rises = word(~falls)
        off = word(even + word(word(odd ^ rises) - rises))
        factor = word(half + word(word(off >> one) | word(off & sign_bit)))
        return signed(zeros), high(word(a << word(zeros & last)), factor)

    return product


def constants(base: int | None) -> tuple[list[int], list[int], int, int]:
    """Return logarithms of powers of two and of the reciprocals of factors, and a base's factor.

    The first of the powers is 2**-FARTHEST; both tables are in units of ``2**-SUM_BITS``, and the
    factor is a real.
    """
    scale = scale_of(base)
    e = int(context().floor(context().log(scale, 2)))
    return *WIDE.tables(base, SUM_BITS), e, units(scale, 63 - e)


@cache
def log_of_real(base: int | None) -> Maker:
    """Return the maker of ``log(e, m) -> (negative, e, m)`` of a real that is not one."""

    def make(builder: RoutineBuilder) -> Routine:
        word, high = builder.word, builder.target.high_product(64)
        log_sum, table = builder.routine(_sum(base)), words(WIDE.factors)
        index_shift, index_mask = word(63 - WIDE.index_bits), word((1 << WIDE.index_bits) - 1)
        up, down = word(62), word(2)

        def log(e: Any, m: Any) -> Any:
            index = word(word(m >> index_shift) & index_mask)
            factor = word(table[index])
            r = word(word(high(m, factor) << up) | word(word(m * factor) >> down))
            return log_sum(e, index, r)

        return log

    return make


def _make_log1p_of_real(builder: RoutineBuilder) -> Routine:
    """Return ``log1p(e, m) -> (e, m)``: ln(1 + w) for a positive real w."""
    word, signed, high = builder.word, builder.signed, builder.target.high_product(64)
    add, log_series = builder.routine(make_add), builder.routine(_make_series)
    log_sum, table = builder.routine(_sum(None)), words(WIDE.factors)
    index_shift, index_mask = word(63 - WIDE.index_bits), word((1 << WIDE.index_bits) - 1)
    near, zero_exp, half = signed(_NEAR), signed(0), word(ONE)
    lift, wide, two, widest = signed(R_BITS - WIDE.factor_bits), signed(64), signed(2), signed(63)

    def log1p(e: Any, m: Any) -> Any:
        if e < near:
            return log_series(False, e, m)
        k, total = add(zero_exp, half, e, m)
        index = word(word(total >> index_shift) & index_mask)
        factor = word(table[index])
        shift = signed(k - e) + two
        upper, lower = high(m, factor), word(m * factor)
        r = word(word(upper << word(signed(wide - shift))) | word(lower >> word(shift)))
        if k <= lift:
            r = word(r + word(factor << word(signed(lift - k))))
        elif k - lift <= widest:
            r = word(r + word(factor >> word(signed(k - lift))))
        _, f, n = log_sum(k, index, r)
        return f, n

    return log1p


def _make_no_power(builder: RoutineBuilder) -> Routine:
    zero = builder.signed(0)

    def no_power(e: Any, m: Any) -> Any:
        return zero

    return no_power


def _make_power_of_two_of(builder: RoutineBuilder) -> Routine:
    half, zero = builder.word(ONE), builder.signed(0)

    def power(e: Any, m: Any) -> Any:
        return e if m == half else zero

    return power


@cache
def _power_of_ten_of(most_digits: int) -> Maker:
    """Return the maker of ``power(e, m)``: n if the real is 10**n, 0 < n <= most_digits, else 0."""

    def make(builder: RoutineBuilder) -> Routine:
        word, signed, zero = builder.word, builder.signed, builder.signed(0)
        # A digit has 3.3 bits, so the exponent identifies a power of ten.
        exponents = {(10**n).bit_length() - 1: n for n in range(1, most_digits + 1)}
        table = words([exponents.get(e, 0) for e in range(max(exponents) + 1)])
        # A power of ten has more than 64 bits only if as many of the last are zeros.
        powers = [10**n for n in range(most_digits + 1)]
        significands = words([(power << 64) >> power.bit_length() for power in powers])
        greatest = signed(max(exponents))

        def power(e: Any, m: Any) -> Any:
            within = (e >= zero) & (e <= greatest)
            n = word(table[word(e if within else zero)])
            return signed(n) if within & (word(significands[n]) == m) else zero

        return power

    return make


def integer_logarithm(base: int | None, most_digits: int) -> Maker:
    """Return the maker of ``power(e, m)``: the logarithm if it is an integer but not 0, else 0.

    ``most_digits`` is the greatest n for which 10**n is a number of the widest format.
    """
    if base == 10:
        return _power_of_ten_of(most_digits)
    return _make_no_power if base is None else _make_power_of_two_of


def _logarithm(base: int | None) -> Maker:
    """Return the maker of the core of a logarithm; exact if the value is an integer."""

    def make(builder: RoutineBuilder) -> Routine:
        word, signed, half = builder.word, builder.signed, builder.word(ONE)
        log, power = (
            builder.routine(log_of_real(base)),
            builder.routine(integer_logarithm(base, _MOST_DIGITS)),
        )
        normalise, integer = builder.routine(make_normalise), signed(63)

        def logarithm(negative: Any, e: Any, m: Any) -> Any:
            if negative:
                return UNDEFINED, False, e, m
            n = power(e, m)
            if n != 0:
                f, size = normalise(integer, word(signed(-n) if n < 0 else n))
                return EXACT, n < 0, f, size
            if (e == 0) & (m == half):
                return ZERO, False, e, m
            is_negative, f, size = log(e, m)
            return ROUNDED, is_negative, f, size

        return logarithm

    return make


def _make_log1p(builder: RoutineBuilder) -> Routine:
    """Return ln(1 + x); for negative x not near zero from 1 + x, which is exact."""
    word, signed = builder.word, builder.signed
    log1p_of_real, log = builder.routine(_make_log1p_of_real), builder.routine(log_of_real(None))
    log_series, subtract = builder.routine(_make_series), builder.routine(make_subtract)
    near, zero, half = signed(_NEAR), signed(0), word(ONE)

    def log1p(negative: Any, e: Any, m: Any) -> Any:
        if not negative:
            f, n = log1p_of_real(e, m)
            return ROUNDED, False, f, n
        if e >= zero:
            return (POLE if (e == zero) & (m == half) else UNDEFINED), True, e, m
        if e < near:
            f, n = log_series(True, e, m)
            return ROUNDED, True, f, n
        f, n = subtract(zero, half, e, m)
        _, f, n = log(f, n)
        return ROUNDED, True, f, n

    return log1p


def _make_softplus(builder: RoutineBuilder) -> Routine:
    """Return ln(1 + exp(x)), as max(x, 0) + ln(1 + exp(-|x|))."""
    add, exponential = builder.routine(make_add), builder.routine(make_exponential)
    log1p_of_real = builder.routine(_make_log1p_of_real)

    def softplus(negative: Any, e: Any, m: Any) -> Any:
        k, power = exponential(True, e, m)
        f, n = log1p_of_real(k, power)
        if not negative:
            f, n = add(f, n, e, m)
        return ROUNDED, False, f, n

    return softplus


def _make_asinh(builder: RoutineBuilder) -> Routine:
    """Return ln(1 + w), w = x + x**2 / (1 + sqrt(1 + x**2)); for tiny x, just below x."""
    signed, half = builder.signed, builder.word(ONE)
    add, divide, multiply = (builder.routine(f) for f in (make_add, make_divide, make_multiply))
    square_root, just_below = builder.routine(make_square_root), builder.routine(make_just_below)
    log1p_of_real, tiny, zero = builder.routine(_make_log1p_of_real), signed(_TINY), signed(0)

    def asinh(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            f, n = just_below(e, m)
            return ROUNDED, negative, f, n
        f, n = multiply(e, m, e, m)
        g, d = add(zero, half, f, n)
        g, d = square_root(g, d)
        g, d = add(zero, half, g, d)
        f, n = divide(f, n, g, d)
        f, n = add(f, n, e, m)
        f, n = log1p_of_real(f, n)
        return ROUNDED, negative, f, n

    return asinh


def _make_acosh(builder: RoutineBuilder) -> Routine:
    """Return ln(1 + w) with w = u + sqrt(u * (x + 1)) and u = x - 1.

    u is exact except for large x.
    """
    signed, half = builder.signed, builder.word(ONE)
    add, subtract, multiply = (builder.routine(f) for f in (make_add, make_subtract, make_multiply))
    square_root = builder.routine(make_square_root)
    log1p_of_real, zero = builder.routine(_make_log1p_of_real), signed(0)

    def acosh(negative: Any, e: Any, m: Any) -> Any:
        if negative | (e < zero):
            return UNDEFINED, False, e, m
        if (e == zero) & (m == half):
            return ZERO, False, e, m
        f, n = subtract(e, m, zero, half)
        g, d = add(e, m, zero, half)
        g, d = multiply(f, n, g, d)
        g, d = square_root(g, d)
        f, n = add(f, n, g, d)
        f, n = log1p_of_real(f, n)
        return ROUNDED, False, f, n

    return acosh


def _make_atanh(builder: RoutineBuilder) -> Routine:
    """Return ln(1 + 2x / (1 - x)) / 2; for tiny x, just above x."""
    signed, half = builder.signed, builder.word(ONE)
    divide, subtract = builder.routine(make_divide), builder.routine(make_subtract)
    log1p_of_real, tiny = builder.routine(_make_log1p_of_real), signed(_TINY)
    zero, one = signed(0), signed(1)

    def atanh(negative: Any, e: Any, m: Any) -> Any:
        if e >= zero:
            return (POLE if (e == zero) & (m == half) else UNDEFINED), negative, e, m
        if e < tiny:
            return ROUNDED, negative, e, m
        g, d = subtract(zero, half, e, m)
        f, n = divide(signed(e + one), m, g, d)
        f, n = log1p_of_real(f, n)
        return ROUNDED, negative, signed(f - one), n

    return atanh


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
