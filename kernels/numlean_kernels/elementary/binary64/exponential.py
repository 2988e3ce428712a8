"""Exponential, hyperbolic and logistic functions of binary64.

The reduction is that of :mod:`numlean_kernels.elementary.exponential`, in two words. Powers of e
and of 10 are known within 2**-118 of themselves. Differences from one lose at most 40 bits: for
smaller arguments the value is a polynomial, or the neighbour of the argument or of one.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from numlean_kernels.elementary.binary64.double_word import (
    ONES,
    SMALL,
    TINY,
    TINY_CUBIC,
    make_less_one,
    make_long_add,
    make_long_divide,
    make_near_one,
    small_series,
)
from numlean_kernels.elementary.constants import context, units, words
from numlean_kernels.elementary.extended_floats import ONE, make_just_below
from numlean_kernels.elementary.outcome import EXACT, ROUNDED
from numlean_kernels.elementary.power import make_wide_power_of_two
from numlean_kernels.elementary.wide import (
    make_scale,
    make_wide_normalise,
    make_wide_shift_left,
    make_wide_shift_right,
    make_wide_subtract,
)
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_GREATEST_EXPONENT: Final = 11
"""Exponentials of arguments of 2**11 and more are beyond the range of binary64."""
_EXACT_POWERS: Final = 28
"""10**n has at most 64 significant bits for n < 28."""
SMALL_EXPM1: Final = small_series(Fraction(1, 6))


def make_exponential(builder: RoutineBuilder) -> Routine:
    """Return ``exponential(negative, e, m) -> (e, a, b)``: exp of a real with a sign."""
    return _make_power(builder, 1 / context().ln(2), 1)


def _make_power_of_ten(builder: RoutineBuilder) -> Routine:
    """Return ``power(negative, e, m) -> (e, a, b)``: 10 to the power of a real with a sign."""
    return _make_power(builder, context().ln(10) / context().ln(2), 2)


def _make_power(builder: RoutineBuilder, log2_base: Any, integer_bits: int) -> Routine:
    """Return ``power(negative, e, m) -> (e, a, b)``: a base to the power of a real with a sign.

    Args:
        builder: Makes the routines that it consists of.
        log2_base: The logarithm of the base to base 2.
        integer_bits: The number of bits of that before the binary point.
    """
    word, signed, high = builder.word, builder.signed, builder.target.high_product(64)
    scale, power_of_two = builder.routine(make_scale), builder.routine(make_wide_power_of_two)
    shift_right, shift_left = (
        builder.routine(make_wide_shift_right),
        builder.routine(make_wide_shift_left),
    )
    factor = units(log2_base, 192 - integer_bits)
    first = word(factor >> 128)
    second, third = word((factor >> 64) % (1 << 64)), word(factor % (1 << 64))
    greatest, lead = signed(_GREATEST_EXPONENT), signed(integer_bits + 1)
    wide, zero = signed(64), signed(0)
    one_word, zero_word = word(1), word(0)

    def power(negative: Any, e: Any, m: Any) -> Any:
        # Three words of the product, with the binary point after e + lead bits.
        c, d = scale(second, third, m)
        b = word(word(first * m) + c)
        a = word(high(first, m) + (one_word if b < c else zero_word))
        places = signed((e if e < greatest else greatest) + lead)
        k = zero
        if places > zero:
            k = signed(a >> word(signed(wide - places)))
            a, _ = shift_left(a, b, places)
            b, _ = shift_left(b, d, places)
        else:
            a, b = shift_right(a, b, signed(-places))
        if negative:
            k, a, b = signed(~k), word(~a), word(~b)
        a, b = power_of_two(a, b)
        return k, a, b

    return power


def _make_exp(builder: RoutineBuilder) -> Routine:
    signed, exponential = builder.signed, builder.routine(make_exponential)
    tiny, zero, below, half, ones = (
        signed(TINY),
        signed(0),
        signed(-1),
        builder.word(ONE),
        builder.word(ONES),
    )

    def exp(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            return ROUNDED, False, (below if negative else zero), (ones if negative else half)
        e, a, _ = exponential(negative, e, m)
        return ROUNDED, False, e, a

    return exp


def _make_exp2(builder: RoutineBuilder) -> Routine:
    """Return 2**x: exact for integers, and for no other number.

    The integer and the fraction of the argument are exact.
    """
    word, signed = builder.word, builder.signed
    power_of_two, subtract = (
        builder.routine(make_wide_power_of_two),
        builder.routine(make_wide_subtract),
    )
    shift_left, shift_right = (
        builder.routine(make_wide_shift_left),
        builder.routine(make_wide_shift_right),
    )
    tiny, greatest, one, zero = signed(TINY), signed(_GREATEST_EXPONENT), signed(1), signed(0)
    below, wide, half, ones = signed(-1), signed(64), word(ONE), word(ONES)
    zero_word = word(0)

    def exp2(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            return ROUNDED, False, (below if negative else zero), (ones if negative else half)
        places = signed((e if e < greatest else greatest) + one)
        k, a, b = zero, m, zero_word
        if places > zero:
            k = signed(m >> word(signed(wide - places)))
            a, b = shift_left(m, zero_word, places)
        else:
            a, b = shift_right(m, zero_word, signed(-places))
        if word(a | b) == zero_word:
            return EXACT, False, (signed(-k) if negative else k), half
        if negative:
            k = signed(~k)
            a, b = subtract(zero_word, zero_word, a, b)
        a, _ = power_of_two(a, b)
        return ROUNDED, False, k, a

    return exp2


def _make_exp10(builder: RoutineBuilder) -> Routine:
    """Return 10**x; exact for the integers whose power of ten has at most 64 bits.

    For no other x is the value, or the middle of two numbers, a number of at most 64 bits: 10**n =
    5**n * 2**n has more for greater n and no finite expansion for n < 0, and 10 is not a power of a
    rational number.
    """
    word, signed = builder.word, builder.signed
    power_of_ten = builder.routine(_make_power_of_ten)
    exponents = words([(10**n).bit_length() - 1 for n in range(_EXACT_POWERS)])
    significands = words([10**n << 63 >> (10**n).bit_length() - 1 for n in range(_EXACT_POWERS)])
    # For x just below 2**-56, the value is off one by less than a quarter of an ulp.
    tiny, zero, below = signed(TINY - 2), signed(0), signed(-1)
    longest, top, exact_powers = signed(4), signed(63), word(_EXACT_POWERS)
    half, ones = word(ONE), word(ONES)

    def exp10(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            return ROUNDED, False, (below if negative else zero), (ones if negative else half)
        if (not negative) & (e >= zero) & (e <= longest):
            places = word(signed(top - e))
            n = word(m >> places)
            if (word(n << places) == m) & (n < exact_powers):
                return EXACT, False, signed(exponents[n]), word(significands[n])
        k, a, _ = power_of_ten(negative, e, m)
        return ROUNDED, False, k, a

    return exp10


def _make_expm1(builder: RoutineBuilder) -> Routine:
    """Return exp(x) - 1; for tiny x, just above x; for exp(x) below 2**-64, just above -1."""
    signed, exponential = builder.signed, builder.routine(make_exponential)
    near_one, just_below = builder.routine(make_near_one), builder.routine(make_just_below)
    less_one, small = builder.routine(make_less_one), builder.routine(SMALL_EXPM1)
    tiny, small_exp, zero_word = signed(TINY), signed(SMALL), builder.word(0)
    negligible, below, ones = signed(-64), signed(-1), builder.word(ONES)

    def expm1(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            if negative:
                e, m = just_below(e, m)
            return ROUNDED, negative, e, m
        if e < small_exp:
            e, a, _ = small(negative, e, m, zero_word)
            return ROUNDED, negative, e, a
        e, a, b = exponential(negative, e, m)
        if negative & (e < negligible):
            return ROUNDED, True, below, ones
        if negative:
            e, a, b = near_one(True, e, a, b)
        else:
            e, a, b = less_one(e, a, b)
        return ROUNDED, negative, e, a

    return expm1


def _make_sinh(builder: RoutineBuilder) -> Routine:
    """Return (y - 1/y) / 2 for y = exp(x); for tiny x, just above x."""
    signed, exponential = builder.signed, builder.routine(make_exponential)
    subtract, normalise = builder.routine(make_wide_subtract), builder.routine(make_wide_normalise)
    shift_right = builder.routine(make_wide_shift_right)
    tiny, one = signed(TINY_CUBIC), signed(1)

    def sinh(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            return ROUNDED, negative, e, m
        k, a, b = exponential(False, e, m)
        j, c, d = exponential(True, e, m)
        c, d = shift_right(c, d, signed(k - j))
        a, b = subtract(a, b, c, d)
        f, a, _ = normalise(a, b)
        return ROUNDED, negative, signed(signed(k + f) - one), a

    return sinh


def _make_cosh(builder: RoutineBuilder) -> Routine:
    """Return (y + 1/y) / 2 for y = exp(x); for tiny x, just above one."""
    signed, exponential, add = (
        builder.signed,
        builder.routine(make_exponential),
        builder.routine(make_long_add),
    )
    tiny, one, zero, half = signed(TINY_CUBIC), signed(1), signed(0), builder.word(ONE)

    def cosh(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            return ROUNDED, False, zero, half
        k, a, b = exponential(False, e, m)
        j, c, d = exponential(True, e, m)
        f, a, _ = add(k, a, b, j, c, d)
        return ROUNDED, False, signed(f - one), a

    return cosh


def _make_tanh(builder: RoutineBuilder) -> Routine:
    """Return (1 - y) / (1 + y) for y = exp(-2x); for tiny x, just below x."""
    signed, exponential = builder.signed, builder.routine(make_exponential)
    near_one, divide = builder.routine(make_near_one), builder.routine(make_long_divide)
    just_below, tiny, one = builder.routine(make_just_below), signed(TINY_CUBIC), signed(1)

    def tanh(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            e, m = just_below(e, m)
            return ROUNDED, negative, e, m
        k, a, b = exponential(True, signed(e + one), m)
        e, u, v = near_one(True, k, a, b)
        f, c, d = near_one(False, k, a, b)
        e, m, _ = divide(e, u, v, f, c, d)
        return ROUNDED, negative, e, m

    return tanh


def _make_sigmoid(builder: RoutineBuilder) -> Routine:
    """Return 1 / (1 + y) or y / (1 + y) for y = exp(-|x|).

    Near 1/2, where the cube of x/2 is negligible, the value is nearer to 1/2 than 1/2 + x/4.
    """
    word, signed, exponential = builder.word, builder.signed, builder.routine(make_exponential)
    near_one, divide = builder.routine(make_near_one), builder.routine(make_long_divide)
    tiny, below, one, zero = signed(TINY), signed(-1), signed(1), signed(0)
    half, ones, zero_word, one_word = word(ONE), word(ONES), word(0), word(1)
    tiny_cubic, subtract = signed(TINY_CUBIC), builder.routine(make_wide_subtract)

    def sigmoid(negative: Any, e: Any, m: Any) -> Any:
        if e < tiny:
            return (
                ROUNDED,
                False,
                signed(below - (one if negative else zero)),
                (ones if negative else half),
            )
        if e < tiny_cubic:
            f, c, d = near_one(negative, signed(e - one), m, zero_word)
            if not negative:
                c, d = subtract(c, d, zero_word, one_word)
            return ROUNDED, False, signed(f - one), c
        k, a, b = exponential(True, e, m)
        f, c, d = near_one(False, k, a, b)
        if negative:
            e, m, _ = divide(k, a, b, f, c, d)
        else:
            e, m, _ = divide(zero, half, zero_word, f, c, d)
        return ROUNDED, False, e, m

    return sigmoid


CORES: Final[dict[str, Maker]] = {
    "exp": _make_exp,
    "exp2": _make_exp2,
    "exp10": _make_exp10,
    "expm1": _make_expm1,
    "sinh": _make_sinh,
    "cosh": _make_cosh,
    "tanh": _make_tanh,
    "sigmoid": _make_sigmoid,
}
"""``core(negative, e, m) -> outcome`` by the name of the function."""
