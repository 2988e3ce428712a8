"""Exponential, hyperbolic and logistic functions.

**Reduction.** exp(x) = 2**(k + f) with an integer k and f in [0, 1): x * log2(e) is cut from a
product of 128 bits, so f is short by less than one unit of 2**-64 for every x. For negative x the
fraction f' of the product is also short, and so is its complement 1 - f' - 2**-64.

**2**f.** The upper 7 bits of f select 2**(i/128) from a table; the rest r < 2**-7 enters by 2**r -
1 = sum of (r ln 2)**j / j!, of which the terms up to j = 6 leave less than 2**-65.

**Error**, in units of :mod:`.extended_floats`: the table is off by at most 1/2, the series by less
than 0.1, the cuts by another unit, and the cut of f by 0.7. In all 2**f is known within 2.3 units,
that is 2**-61.8.
"""

from __future__ import annotations

from math import factorial
from typing import Any, Final

from numlean_kernels.elementary.constants import context, fractions, units, words
from numlean_kernels.elementary.extended_floats import (
    ONE,
    make_add,
    make_divide,
    make_fraction,
    make_multiply,
    make_near_one,
    make_normalise,
    make_subtract,
    series,
)
from numlean_kernels.elementary.outcome import EXACT, ROUNDED
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_INDEX_BITS: Final = 7
_DEGREE: Final = 6
_GREATEST_EXPONENT: Final = 8
"""Exponentials of arguments of 2**8 and more are beyond the range of every format."""
_SMALL: Final = -1
"""Below this exponent, that is below 1/2, hyperbolic functions are series."""
_NEAR: Final = -7
"""Below this exponent, and above the next one, values near one are series."""
_NEAREST: Final = -63
_ONES: Final = (1 << 64) - 1


def make_power_of_two(builder: RoutineBuilder) -> Routine:
    """Return ``power_of_two(f)``: the significand of 2**f for a fraction f."""
    mp = context()
    word, high = builder.word, builder.target.high_product(64)
    table = words([units(mp.mpf(2) ** (mp.mpf(i) / 128), 63) for i in range(1 << _INDEX_BITS)])
    scale = mp.ln(2) / 128  # of r, in units of 1/128
    coefficients = fractions(_DEGREE, lambda j: 128 * scale ** (j + 1) / factorial(j + 1))
    rising = builder.routine(series(coefficients))
    index_shift, index_bits = word(64 - _INDEX_BITS), word(_INDEX_BITS)

    def power_of_two(f: Any) -> Any:
        start = word(table[f >> index_shift])
        r = word(f << index_bits)
        grown = high(rising(r), r)
        return word(start + word(high(start, grown) >> index_bits))

    return power_of_two


def make_exponential(builder: RoutineBuilder) -> Routine:
    """Return ``exponential(negative, e, m) -> (e, m)``: the exponential of a real with a sign."""
    word, signed = builder.word, builder.signed
    high, power_of_two = builder.target.high_product(64), builder.routine(make_power_of_two)
    log_two_e = units(1 / context().ln(2), 127)
    upper_factor, lower_factor = word(log_two_e >> 64), word(log_two_e % (1 << 64))
    greatest, places, wide = signed(_GREATEST_EXPONENT), signed(62), signed(64)
    widest, one, zero = signed(63), word(1), word(0)

    def exponential(negative: Any, e: Any, m: Any) -> Any:
        lower = word(m * upper_factor)
        carried = word(lower + high(m, lower_factor))
        upper = word(high(m, upper_factor) + (one if carried < lower else zero))
        # The binary point is in the upper word, or above it.
        shift = signed(places - (e if e < greatest else greatest))
        if shift < wide:
            k = signed(upper >> word(shift))
            f = word(word(upper << word(wide - shift)) | word(carried >> word(shift)))
        else:
            k, beyond = signed(0), signed(shift - wide)
            f = word(upper >> word(beyond)) if beyond <= widest else zero
        # The complement of all bits of a negative number is its floor, as it is not an integer.
        k = signed(~k) if negative else k
        return k, power_of_two(word(~f) if negative else f)

    return exponential


def _make_exp(builder: RoutineBuilder) -> Routine:
    """Return exp(x); near one, 1 + x + x**2 * (1/2! + x/3! + ...), since 1 + x may be a number.

    For x below 2**-63 it is one, or just below one.
    """
    signed, exponential, near_one = (
        builder.signed,
        builder.routine(make_exponential),
        builder.routine(make_near_one),
    )
    multiply, normalise = builder.routine(make_multiply), builder.routine(make_normalise)
    fraction, mp = builder.routine(make_fraction), context()
    coefficients = fractions(8, lambda k: mp.mpf(1) / factorial(k + 2))
    rising = builder.routine(series(coefficients))
    falling = builder.routine(series(coefficients, alternating=True))
    near, nearest, below = signed(_NEAR), signed(_NEAREST), signed(-1)

    def exp(negative: Any, e: Any, m: Any) -> Any:
        if (e < near) & (e > nearest):
            x = fraction(e, m)
            f, n = normalise(below, falling(x) if negative else rising(x))
            g, square = multiply(e, m, e, m)
            f, n = multiply(f, n, g, square)
            f, n = near_one(negative, e, m, False, f, n)
        else:
            f, n = exponential(negative, e, m)
        return ROUNDED, False, f, n

    return exp


def _make_exp2(builder: RoutineBuilder) -> Routine:
    """Return 2**x: exact for integers, and for no other number."""
    word, signed = builder.word, builder.signed
    power_of_two = builder.routine(make_power_of_two)
    greatest, widest, zero = signed(_GREATEST_EXPONENT), signed(63), word(0)
    down, up = word(1), signed(1)

    def exp2(negative: Any, e: Any, m: Any) -> Any:
        whole = e if e < greatest else greatest
        if whole >= 0:
            k = signed(m >> word(signed(widest - whole)))
            f = word(word(m << down) << word(whole))
            lost = False
        else:
            k, shift = signed(0), signed(-whole - up)
            f = word(m >> word(shift)) if shift <= widest else zero
            lost = (word(f << word(shift)) != m) if shift <= widest else True
        is_integer = (f == 0) & (not lost)
        if negative:
            k = signed(-k) if is_integer else signed(~k)
            f = word(~f) if lost else word(zero - f)
        return (EXACT if is_integer else ROUNDED), False, k, power_of_two(f)

    return exp2


def _make_sinh_series(builder: RoutineBuilder) -> Routine:
    """Return ``sinh_series(e, m)``: sinh(x), x < 1/2, as x + x * (x**2/3! + x**4/5! + ...)."""
    word, signed = builder.word, builder.signed
    high, fraction = builder.target.high_product(64), builder.routine(make_fraction)
    mp = context()
    rising = builder.routine(series(fractions(8, lambda k: mp.mpf(1) / factorial(2 * k + 3))))
    half, one, carry = word(ONE), word(1), signed(1)

    def sinh_series(e: Any, m: Any) -> Any:
        x = fraction(e, m)
        square = high(x, x)
        total = word(m + high(m, high(square, rising(square))))
        carried = total < m
        m = word(word(total >> one) | half) if carried else total
        return (signed(e + carry) if carried else e), m

    return sinh_series


def _make_cosh_series(builder: RoutineBuilder) -> Routine:
    """Return ``cosh_series(e, m)``: the significand of cosh(x) for x below 1/2."""
    word, high, fraction = (
        builder.word,
        builder.target.high_product(64),
        builder.routine(make_fraction),
    )
    mp = context()
    rising = builder.routine(series(fractions(9, lambda k: mp.mpf(1) / factorial(2 * k + 2))))
    half, one = word(ONE), word(1)

    def cosh_series(e: Any, m: Any) -> Any:
        x = fraction(e, m)
        square = high(x, x)
        return word(half + word(high(square, rising(square)) >> one))

    return cosh_series


def _make_expm1(builder: RoutineBuilder) -> Routine:
    """Return exp(x) - 1; below 1/2 as 2 * sinh(x/2) * exp(x/2), without cancellation."""
    word, signed = builder.word, builder.signed
    exponential, multiply = builder.routine(make_exponential), builder.routine(make_multiply)
    subtract, sinh_series = builder.routine(make_subtract), builder.routine(_make_sinh_series)
    small, one, zero, half = signed(_SMALL), signed(1), signed(0), word(ONE)

    def expm1(negative: Any, e: Any, m: Any) -> Any:
        if e < small:
            f, n = sinh_series(signed(e - one), m)
            k, power = exponential(negative, signed(e - one), m)
            f, n = multiply(f, n, k, power)
            return ROUNDED, negative, signed(f + one), n
        k, power = exponential(negative, e, m)
        f, n = subtract(zero, half, k, power) if negative else subtract(k, power, zero, half)
        return ROUNDED, negative, f, n

    return expm1


def _make_sinh(builder: RoutineBuilder) -> Routine:
    """Return (exp(x) - exp(-x)) / 2; a series below 1/2."""
    signed, subtract = builder.signed, builder.routine(make_subtract)
    exponential, sinh_series = builder.routine(make_exponential), builder.routine(_make_sinh_series)
    small, one = signed(_SMALL), signed(1)

    def sinh(negative: Any, e: Any, m: Any) -> Any:
        if e < small:
            f, n = sinh_series(e, m)
            return ROUNDED, negative, f, n
        k, power = exponential(False, e, m)
        j, reciprocal = exponential(True, e, m)
        f, n = subtract(k, power, j, reciprocal)
        return ROUNDED, negative, signed(f - one), n

    return sinh


def _make_cosh(builder: RoutineBuilder) -> Routine:
    """Return (exp(x) + exp(-x)) / 2; a series below 1/2."""
    signed, add = builder.signed, builder.routine(make_add)
    exponential, cosh_series = builder.routine(make_exponential), builder.routine(_make_cosh_series)
    small, one, zero = signed(_SMALL), signed(1), signed(0)

    def cosh(negative: Any, e: Any, m: Any) -> Any:
        if e < small:
            return ROUNDED, False, zero, cosh_series(e, m)
        k, power = exponential(False, e, m)
        j, reciprocal = exponential(True, e, m)
        f, n = add(k, power, j, reciprocal)
        return ROUNDED, False, signed(f - one), n

    return cosh


def _make_tanh(builder: RoutineBuilder) -> Routine:
    """Return (1 - y) / (1 + y) for y = exp(-2x); below 1/2 the quotient of both series.

    For tiny x the quotient is just below x, and for large x just below 1, as required: quotients by
    a power of two are below the dividend.
    """
    word, signed = builder.word, builder.signed
    exponential, divide = builder.routine(make_exponential), builder.routine(make_divide)
    add, subtract = builder.routine(make_add), builder.routine(make_subtract)
    sinh_series, cosh_series = (
        builder.routine(_make_sinh_series),
        builder.routine(_make_cosh_series),
    )
    small, one, zero, half = signed(_SMALL), signed(1), signed(0), word(ONE)

    def tanh(negative: Any, e: Any, m: Any) -> Any:
        if e < small:
            f, n = sinh_series(e, m)
            f, n = divide(f, n, zero, cosh_series(e, m))
        else:
            k, power = exponential(True, signed(e + one), m)
            f, n = subtract(zero, half, k, power)
            g, d = add(zero, half, k, power)
            f, n = divide(f, n, g, d)
        return ROUNDED, negative, f, n

    return tanh


def _make_sigmoid(builder: RoutineBuilder) -> Routine:
    """Return 1 / (1 + y), or y / (1 + y) for negative x, with y = exp(-|x|).

    Near 1/2 it is (1 + tanh(u)) / 2 with u = x/2 and tanh(u) = u - u**3/3 + ..., since 1/2 + u/2
    may be a number.
    """
    signed, near_one, add = (
        builder.signed,
        builder.routine(make_near_one),
        builder.routine(make_add),
    )
    exponential, divide = builder.routine(make_exponential), builder.routine(make_divide)
    multiply, normalise = builder.routine(make_multiply), builder.routine(make_normalise)
    fraction, high, mp = builder.routine(make_fraction), builder.target.high_product(64), context()
    tangent = [mp.mpf(n) / d for n, d in ((1, 3), (2, 15), (17, 315), (62, 2835), (1382, 155925))]
    falling = builder.routine(series([units(c, 64) for c in tangent], alternating=True))
    near, nearest = signed(_NEAR), signed(_NEAREST)
    one, zero, half, below, ones = (
        signed(1),
        signed(0),
        builder.word(ONE),
        signed(-1),
        builder.word(_ONES),
    )

    def sigmoid(negative: Any, e: Any, m: Any) -> Any:
        if e <= nearest:
            return (
                ROUNDED,
                False,
                signed(below - (one if negative else zero)),
                (ones if negative else half),
            )
        if e < near:
            u = fraction(signed(e - one), m)
            f, n = normalise(below, falling(high(u, u)))
            g, power = multiply(signed(e - one), m, signed(e - one), m)
            g, power = multiply(g, power, signed(e - one), m)
            f, n = multiply(f, n, g, power)
            f, n = near_one(negative, signed(e - one), m, not negative, f, n)
            return ROUNDED, False, signed(f - one), n
        k, power = exponential(True, e, m)
        g, d = add(zero, half, k, power)
        f, n = divide(k if negative else zero, power if negative else half, g, d)
        return ROUNDED, False, f, n

    return sigmoid


CORES: Final[dict[str, Maker]] = {
    "exp": _make_exp,
    "exp2": _make_exp2,
    "expm1": _make_expm1,
    "sinh": _make_sinh,
    "cosh": _make_cosh,
    "tanh": _make_tanh,
    "sigmoid": _make_sigmoid,
}
"""``core(negative, e, m) -> outcome`` by the name of the function."""
