"""Fast phases of exponential, hyperbolic and logistic functions in pairs of binary64.

**Reduction.** x = n * ln(2)/512 + r with an integer n and |r| <= 2**-10.5. The first constant has
42 bits, so x - n*L1 is exact: it is a multiple of 2**-63 (n is zero for x below 2**-10.6) and less
than 2**-10.4. Subtracting n*L2 gives the pair (r, d), where |d| <= u|r|; as L2 is off by 2**-106
and n below 2**20, the pair is within 2**-85, and exact if n is zero.

**Power.** exp(r) - 1 = r + s with s = r**2 * (1/2 + r/6 + r**2/24 + r**3/120 + r**4/720) + d. The
omitted terms are below 2**-85; d*r is below 2**-74. s is below 2**-21.9, and three roundings (of
r**2, of the polynomial, of the result) make less than 3.1u of it: 2**-73.3 in all.
With n = 512*k + j and 2**(j/512) = T + t (a table), exp(x) = 2**k * (T + T*r + rest), where T*r is
an exact pair and rest = T*s + t + t*r + the lower part of T*r. T is below two, so rest is within
2**-72.3 by s and 2.1u * 2**-20.9 by its own sums: 2**-71.4. The sum of T and T*r is exact; adding
its lower part to rest costs 2**-73.9. In all exp(x) is within 2**-71 of a number in [0.999, 2).

**Differences from one.** For x >= 0, 2**k*T - 1 is an exact pair, and its upper part is zero or at
least 2**-9.54 and twice T*r*2**k. If n is zero, s is off by 3.1u of itself, which is below
2**-11.4 of r: 2**-62.7; the last sum adds u*2**-11.4. Otherwise the errors, 2**-72.2 * T for r near
its bound (T is near one where the difference is small), are below 2**-62.6 of the difference. So it
is within 2**-62.4 of itself.

**Functions of y = exp(|x|) - 1.** y / (1 + y), which is 1 - exp(-|x|), changes by no more than the
relative error of y, and its quotient adds 2**-70; sinh is half the sum of both. 1 + y = exp(|x|)
and its inverse change by no more than that either; cosh is half their sum. These sums are of
positive numbers, and their lower parts, below 2**-20 of them, are rounded three times: 2**-71.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean_kernels.elementary.constants import context
from numlean_kernels.elementary.hardware.floats import (
    INTEGERS,
    FloatBuilder,
    halves,
    make_rounding_test,
    table_of,
)
from numlean_kernels.protocol import Routine

PIECE_BITS: Final = 9
_PIECES: Final = 1 << PIECE_BITS
_FIRST_BITS: Final = 42
"""Significant bits of the first constant of the reduction."""

EXP_ERROR: Final = 2.0**-70
"""The bound of errors of a power in [0.999, 2)."""
DIFFERENCE_ERROR: Final = 2.0**-62
"""The bound of relative errors of a difference from one, and of quotients of such differences."""
_LOGISTIC_ERROR: Final = 2.0**-67
_LEAST: Final = 2.0**-900
"""From here on no part of a pair is subnormal."""
_GREATEST_EXP: Final = 708.0
"""Powers of e up to this exponent, of either sign, are normal numbers."""
_GREATEST_DIFFERENCE: Final = 700.0
_LEAST_EXPM1: Final = -38.0
"""Down to here expm1 is not next to -1: exp(-38) = 2**-54.8."""
_GREATEST_TANH: Final = 20.0
"""From here on tanh is next to one: 1 - tanh(20) = 2**-56.7."""
_LEAST_SIGMOID: Final = 600.0
"""Down to the negative of this, no part of exp(x), 2**-866, and of its quotient is subnormal."""
_GREATEST_SIGMOID: Final = 38.0
"""From here on the logistic function is next to one: exp(-38) = 2**-54.8."""


def _power(*, has_lower: bool) -> Callable[[FloatBuilder], Routine]:
    def make(builder: FloatBuilder) -> Routine:
        mp, fma, encoding, word = context(), builder.fma, builder.encoding, builder.word
        step = mp.ln(2) / _PIECES
        per_step = float(1 / step)
        first, second = halves(step, _FIRST_BITS)
        uppers, lowers = table_of([mp.mpf(2) ** (mp.mpf(j) / _PIECES) for j in range(_PIECES)])
        c2, c3, c4, c5, c6 = 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720
        mask, to_exponent = word(_PIECES - 1), word(52 - PIECE_BITS)

        def power(x: Any, lower: Any) -> Any:
            t = fma(x, per_step, INTEGERS)
            n = t - INTEGERS
            bits = encoding(t)
            j = word(bits & mask)
            x = fma(-n, first, x)
            r = fma(-n, second, x)
            d = fma(-n, second, x - r)
            if has_lower:
                d = d + fma(lower, r * fma(r, c2, 1.0), lower)
            s = fma(r * r, fma(r, fma(r, fma(r, fma(r, c6, c5), c4), c3), c2), d)
            top, low = uppers[j], lowers[j]
            product = top * r
            rest = fma(top, s, fma(low, r, fma(top, r, -product))) + low
            return word(word(bits - j) << to_exponent), top, product, rest

        return power

    return make


make_power = _power(has_lower=False)
"""Make ``power(x, 0.0) -> (exponent, top, product, rest)`` for |x| up to 709.

exp(x) is 2**k times the sum of the last three, of which the first has the most weight;
``exponent`` is k, shifted to the field of an exponent.
"""

make_power_of_pair = _power(has_lower=True)
"""Make the same for exp(x + lower) with ``lower`` below 2**-42."""


def make_scaled(builder: FloatBuilder) -> Routine:
    """Return ``scaled(x, exponent)``: a float times a power of two, in normal numbers."""
    encoding, real, word = builder.encoding, builder.real, builder.word

    def scaled(x: Any, exponent: Any) -> Any:
        return real(word(encoding(x) + exponent))

    return scaled


def make_exponential(builder: FloatBuilder) -> Routine:
    """Return ``exponential(x) -> (exponent, h, l)``: exp(x) = 2**k * (h + l), h in [0.999, 2)."""
    power = builder.routine(make_power)

    def exponential(x: Any) -> Any:
        exponent, top, product, rest = power(x, 0.0)
        h = top + product
        return exponent, h, ((top - h) + product) + rest

    return exponential


def make_difference(builder: FloatBuilder) -> Routine:
    """Return ``difference(x) -> (h, l)``: exp(x) - 1 for x from 0 to 700."""
    power, real, word = builder.routine(make_power), builder.real, builder.word
    one = word(np.float64(1).view(np.uint64))

    def difference(x: Any) -> Any:
        exponent, top, product, rest = power(x, 0.0)
        scale = real(word(exponent + one))
        top, product, rest = top * scale, product * scale, rest * scale
        less = top - 1.0
        lost = (top - less) - 1.0
        h = less + product
        return h, ((less - h) + product) + (lost + rest)

    return difference


def make_quotient(builder: FloatBuilder) -> Routine:
    """Return ``quotient(a, b, c, d) -> (h, l)``: (a + b) / (c + d), within 2**-70.

    b and d are below 2**-20 of a and c. Only the product of the remainder, 2**-19, with the inverse
    is rounded: 3u of it.
    """
    fma = builder.fma

    def quotient(a: Any, b: Any, c: Any, d: Any) -> Any:
        divisor = c + d
        d = (c - divisor) + d
        inverse = 1.0 / divisor
        q = a * inverse
        return q, fma(-q, d, fma(-q, divisor, a) + b) * inverse

    return quotient


def _make_exp(builder: FloatBuilder) -> Routine:
    """Return the fast phase of exp."""
    exponential, scaled = builder.routine(make_exponential), builder.routine(make_scaled)
    rounding_test = builder.routine(make_rounding_test)

    def fast(x: Any) -> Any:
        within = abs(x) <= _GREATEST_EXP
        exponent, h, low = exponential(x if within else 0.0)
        certain, z = rounding_test(h, low, EXP_ERROR)
        return within & certain, scaled(z, exponent)

    return fast


def _make_expm1(builder: FloatBuilder) -> Routine:
    """Return the fast phase of expm1: y, or -y / (1 + y) of a negative operand."""
    difference, quotient = builder.routine(make_difference), builder.routine(make_quotient)
    one_more, rounding_test = builder.routine(_make_one_more), builder.routine(make_rounding_test)
    copysign = builder.routine(make_copy_sign)

    def fast(x: Any) -> Any:
        size, negative = abs(x), x < 0.0
        within = (x >= _LEAST_EXPM1) & (x <= _GREATEST_DIFFERENCE) & (size >= _LEAST)
        a, b = difference(size if within else 1.0)
        c, d = one_more(a, b)
        h, low = quotient(a, b, c, d)
        h, low = (h if negative else a), (low if negative else b)
        certain, z = rounding_test(h, low, h * DIFFERENCE_ERROR)
        is_level = x < _LEAST_EXPM1
        z = 1.0 if is_level else (z if within else size)
        return (within & certain) | is_level | (size == 0.0), copysign(z, x)

    return fast


def _make_sinh(builder: FloatBuilder) -> Routine:
    """Return the fast phase of sinh: half of y + y / (1 + y)."""
    difference, quotient = builder.routine(make_difference), builder.routine(make_quotient)
    one_more, rounding_test = builder.routine(_make_one_more), builder.routine(make_rounding_test)
    copysign = builder.routine(make_copy_sign)

    def fast(x: Any) -> Any:
        size = abs(x)
        within = (size >= _LEAST) & (size <= _GREATEST_DIFFERENCE)
        a, b = difference(size if within else 1.0)
        c, d = one_more(a, b)
        p, q = quotient(a, b, c, d)
        h = a + p
        low = ((a - h) + p) + (b + q)
        certain, z = rounding_test(h, low, h * DIFFERENCE_ERROR)
        z = 0.5 * z if within else size
        return (within & certain) | (size == 0.0), copysign(z, x)

    return fast


def _make_cosh(builder: FloatBuilder) -> Routine:
    """Return the fast phase of cosh: half of 1 + y + 1 / (1 + y)."""
    difference, quotient = builder.routine(make_difference), builder.routine(make_quotient)
    one_more, rounding_test = builder.routine(_make_one_more), builder.routine(make_rounding_test)

    def fast(x: Any) -> Any:
        size = abs(x)
        within = size <= _GREATEST_DIFFERENCE
        # Next to zero cosh is next to one.
        a, b = difference(size if within & (size >= _LEAST) else 0.0)
        c, d = one_more(a, b)
        p, q = quotient(1.0, 0.0, c, d)
        h = c + p
        low = ((c - h) + p) + (d + q)
        certain, z = rounding_test(h, low, h * DIFFERENCE_ERROR)
        return within & certain, 0.5 * z

    return fast


def _make_one_more(builder: FloatBuilder) -> Routine:
    """Return ``one_more(a, b) -> (c, d)``: 1 + a + b, for a that is not negative."""

    def one_more(a: Any, b: Any) -> Any:
        c = 1.0 + a
        return c, (((1.0 - c) + a) if a < 1.0 else ((a - c) + 1.0)) + b

    return one_more


def _make_tanh(builder: FloatBuilder) -> Routine:
    """Return the fast phase of tanh: y / (y + 2) with y = exp(2|x|) - 1."""
    difference, quotient = builder.routine(make_difference), builder.routine(make_quotient)
    rounding_test = builder.routine(make_rounding_test)
    copysign = builder.routine(make_copy_sign)

    def fast(x: Any) -> Any:
        size = abs(x)
        within = (size >= _LEAST) & (size <= _GREATEST_TANH)
        a, b = difference((size + size) if within else 1.0)
        # The sum is at least two and a, so the lower part is exact.
        c = 2.0 + a
        d = ((2.0 - c) + a) if a < 2.0 else ((a - c) + 2.0)
        h, low = quotient(a, b, c, d + b)
        certain, z = rounding_test(h, low, h * DIFFERENCE_ERROR)
        is_level = size > _GREATEST_TANH
        z = 1.0 if is_level else (z if within else size)
        return (within & certain) | is_level | (size == 0.0), copysign(z, x)

    return fast


def _make_sigmoid(builder: FloatBuilder) -> Routine:
    """Return the fast phase of the logistic function: with y = exp(-|x|), 1 or y over 1 + y.

    y is within 2**-70 of itself, and 1 + y within 2**-70.9; the quotients add less than 2**-70.
    """
    exponential, scaled = builder.routine(make_exponential), builder.routine(make_scaled)
    quotient, rounding_test = builder.routine(make_quotient), builder.routine(make_rounding_test)

    def fast(x: Any) -> Any:
        size, negative = abs(x), x < 0.0
        within = size <= (_LEAST_SIGMOID if negative else _GREATEST_SIGMOID)
        exponent, h, low = exponential(-size if within else 0.0)
        upper = scaled(h, exponent)
        scale = scaled(1.0, exponent)
        low = low * scale
        c = 1.0 + upper
        d = ((1.0 - c) + upper) + low
        a, b = (upper if negative else 1.0), (low if negative else 0.0)
        h, low = quotient(a, b, c, d)
        certain, z = rounding_test(h, low, h * _LOGISTIC_ERROR)
        is_level = x > _GREATEST_SIGMOID
        return (within & certain) | is_level, (1.0 if is_level else z)

    return fast


def make_copy_sign(builder: FloatBuilder) -> Routine:
    """Return ``copy_sign(z, x)``: a positive number with the sign of x."""
    encoding, real, word = builder.encoding, builder.real, builder.word
    sign = word(1 << 63)

    def copy_sign(z: Any, x: Any) -> Any:
        return real(word(encoding(z) | word(encoding(x) & sign)))

    return copy_sign


PHASES: Final = {
    "exp": _make_exp,
    "expm1": _make_expm1,
    "sinh": _make_sinh,
    "cosh": _make_cosh,
    "tanh": _make_tanh,
    "sigmoid": _make_sigmoid,
}
"""``fast(x) -> (certain, z)`` by the name of the function."""
