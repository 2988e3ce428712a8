"""A first phase of exponential and logarithms, which settles nearly every operand.

**Why.** What rounds correctly at every operand must know a logarithm to 2**-59, but nearly always
2**-48 would do. So a short sum in single words comes first, for operands that are normal numbers
and give normal numbers; where a point at which rounding may turn lies within its error, the whole
routine decides. Such points, of all rounding directions, are the multiples of half a unit in the
last place. Values that are exact, and zero, are among them, so that they are never settled here.

**Digits.** An operand has at most 24, so that it is exact in a fraction of a word.

**Logarithm.** As in :mod:`.logarithm`, k*ln 2 - ln c + ln(1 + r) of m*2**k, with r = m*c - 1; but c
has 10 bits, r is exact in units of 2**-33, and |r| <= 2**-8. ln(1 + r) = r - r**2 * (1/2 - r/3 +
r**2/4 - r**3/5) leaves out less than 2**-50.5. Numbers are in two's complement, and no product is
wider than a word. In units of 2**-54, in which the sum is: Horner's steps are each cut by less than
a unit of 2**-38, and their coefficients off by half of one, 1.6 in all, which r**2 makes 1.6 here;
the cut of r times the polynomial to 2**-45 makes 2, that of its product with r one, the tables and
the factor of the base less than 3. With what was left out, at most 1.45 * 10.7, that is below 24.

**Exponential.** As in :mod:`.exponential`, 2**(k + f) for x * log2(e) = k + f, in units of 2**-56,
off by less than 1.3 of them. The upper 8 bits of f choose from a table, and 2**r - 1 for the rest,
r < 2**-8, has three terms: the fourth is less than 2**-38.7, and all else less than 2**-55 of the
whole.
"""

from __future__ import annotations

import math
from functools import cache
from math import factorial
from typing import Any, Final

import numpy as np

from numlean_kernels.elementary.constants import context, fractions, units, words
from numlean_kernels.elementary.reals import series
from numlean_kernels.elementary.reduction import FARTHEST, Reduction, scale_of
from numlean_kernels.formats import Format
from numlean_kernels.ieee.flags import INEXACT
from numlean_kernels.ieee.kit import Kit, Maker
from numlean_kernels.ieee.rounding import make_increment
from numlean_kernels.targets.protocol import Routine

_DIGITS: Final = 24
_INDEX_BITS: Final = 8

_REDUCTION: Final = Reduction(index_bits=_INDEX_BITS, factor_bits=10)
_R_BITS: Final = _DIGITS - 1 + _REDUCTION.factor_bits
_TERM_BITS: Final = 38
_MIDDLE_BITS: Final = 45
_HALF: Final = 36
"""The base's factor has two halves of so many bits; the upper one reaches 1.45."""
_LOG_BITS: Final = 54
_LOG_TERMS: Final = 4
_LOG_ERROR: Final = 24
_BASES: Final = {"log": None, "log2": 2, "log10": 10}

_POWER_BITS: Final = 56
_POWER_TERMS: Final = 3
_POWER_ERROR: Final = 1 << 26
_LEAST_EXPONENT: Final = -12
_GREATEST_EXPONENT: Final = 5
"""Exponentials are settled of operands from 2**-12 to below 2**6, at most."""


def quickened(make: Maker, make_quick: Maker) -> Maker:
    """The maker of a function of one operand with a first phase ``quick(a) -> (settled, z)``."""

    def make_both(kit: Kit) -> Routine:
        quick, whole, inexact = kit.routine(make_quick), kit.routine(make), kit.word(INEXACT)

        def f(a: Any) -> Any:
            settled, z = quick(a)
            if settled:
                return z, inexact
            return whole(a)

        return f

    return make_both


def _make_settle(kit: Kit) -> Routine:
    """``settle(sign, e, m, doubt) -> (settled, z)``: round a real that is off by less than doubt.

    It must be a normal number's. With doubt of half of what is rounded off it never settles.
    """
    word, signed, increment = kit.word, kit.signed, kit.routine(make_increment)
    guard_bits, trailing_bits = word(kit.guard_bits), word(kit.format.trailing_bits)
    below_bias, zero, one = signed(kit.format.bias - 1), word(0), word(1)
    between = word((1 << (63 - kit.format.precision)) - 1)

    def settle(sign: Any, e: Any, m: Any, doubt: Any) -> Any:
        sig = word(word(m >> one) | one)
        kept = word(word(sig + increment(sign, sig, zero)) >> guard_bits)
        z = word(sign | word(word(word(signed(e + below_bias)) << trailing_bits) + kept))
        return word(word(m + doubt) & between) >= word(doubt << one), z

    return settle


def _make_digits(kit: Kit) -> Routine:
    """``digits(a) -> (e, d)``: a normal number, d * 2**(e - 23)."""
    word, signed, format = kit.word, kit.signed, kit.format
    trailing_mask, implicit_bit = kit.words("trailing_mask", "implicit_bit")
    trailing_bits, up = word(format.trailing_bits), word(_DIGITS - format.precision)
    field_mask, bias = word(format.exponent_limit), signed(format.bias)

    def digits(a: Any) -> Any:
        e = signed(signed(word(word(a) >> trailing_bits) & field_mask) - bias)
        return e, word(word(word(a & trailing_mask) | implicit_bit) << up)

    return digits


@cache
def _quick_logarithm(base: int | None) -> Maker:
    """The maker of ``quick(a) -> (settled, z)``: a logarithm to a base, or e."""

    def make(kit: Kit) -> Routine:
        word, signed, long = kit.word, kit.signed, kit.target.signed(64)
        settle, digits, clz = kit.routine(_make_settle), kit.routine(_make_digits), kit.clz
        implicit_bit, max_finite, sign_mask = kit.words("implicit_bit", "max_finite", "sign_mask")
        normal_numbers = word(max_finite - implicit_bit)
        scale, is_natural = scale_of(base), base is None
        powers, logs = (words(table) for table in _REDUCTION.tables(base, _LOG_BITS))
        multipliers = words(_REDUCTION.factors)
        terms = [scale * (-1) ** j / context().mpf(j + 2) for j in range(_LOG_TERMS)]
        coefficients = np.array([units(term, _TERM_BITS) for term in terms], dtype=np.int64)
        upper_factor, lower_factor = map(long, divmod(units(scale, 2 * _HALF), 1 << _HALF))
        to_index, index_mask = word(_DIGITS - 1 - _INDEX_BITS), word((1 << _INDEX_BITS) - 1)
        unit, farthest, r_bits = long(1 << _R_BITS), signed(FARTHEST), long(_R_BITS)
        first_cut = long(_R_BITS + _TERM_BITS - _MIDDLE_BITS)
        second_cut = long(_R_BITS + _MIDDLE_BITS - _LOG_BITS)
        up, down = long(_LOG_BITS - _R_BITS), long(_R_BITS + _HALF - _LOG_BITS)
        lower_down = long(_R_BITS + 2 * _HALF - _LOG_BITS)
        error, zero, top = word(_LOG_ERROR), word(0), word(63)
        exponent, least = signed(63 - _LOG_BITS), word(1 << (_LOG_BITS - kit.format.precision))

        def quick(a: Any) -> Any:
            normal = word(a - implicit_bit) <= normal_numbers
            e, d = digits(a)
            index = word(word(d >> to_index) & index_mask)
            r = long(long(word(d * word(multipliers[index]))) - unit)
            q = long(coefficients[_LOG_TERMS - 1])
            for j in range(2, _LOG_TERMS + 1):
                q = long(long(coefficients[_LOG_TERMS - j]) + (long(r * q) >> r_bits))
            square = long(r * (long(r * q) >> first_cut)) >> second_cut
            if is_natural:
                linear = long(r << up)
            else:
                linear = long(
                    (long(r * upper_factor) >> down) + (long(r * lower_factor) >> lower_down)
                )
            total = word(word(powers[word(signed(e + farthest))]) + word(logs[index]))
            total = word(total + word(long(linear - square)))
            minus = word(zero - word(total >> top))
            size = word(word(total ^ minus) - minus)
            within = normal & (size >= least)
            zeros = word(clz(size) & top)
            settled, z = settle(
                word(minus & sign_mask),
                signed(exponent - signed(zeros)),
                word(size << zeros),
                word(error << zeros),
            )
            return within & settled, z

        return quick

    return make


def _greatest_exponent(format: Format) -> int:
    """Below the next power of two, exponentials are normal numbers, and those of the negatives."""
    reach = (min(format.emax, -format.emin) - 1) * math.log(2)
    return min(math.floor(math.log2(reach)) - 1, _GREATEST_EXPONENT)


def _make_quick_exponential(kit: Kit) -> Routine:
    """``quick(a) -> (settled, z)``: exp."""
    mp, word, signed, high = context(), kit.word, kit.signed, kit.target.high_product(64)
    settle, digits = kit.routine(_make_settle), kit.routine(_make_digits)
    format, size = kit.format, mp.mpf(1 << _INDEX_BITS)
    least = max(_LEAST_EXPONENT, format.emin) + format.bias << format.trailing_bits
    beyond = _greatest_exponent(format) + 1 + format.bias << format.trailing_bits
    lowest, numbers = word(least), word(beyond - least)
    magnitude_mask, sign_mask = kit.words("magnitude_mask", "sign_mask")
    table = words([units(mp.mpf(2) ** (i / size), 63) for i in range(1 << _INDEX_BITS)])
    scale = mp.ln(2) / size  # of r, which counts 256ths
    terms = fractions(_POWER_TERMS, lambda j: size * scale ** (j + 1) / factorial(j + 1))
    rising, log_two_e = kit.routine(series(terms)), word(units(1 / mp.ln(2), 63))
    up, top = signed(_POWER_BITS + 1 - (_DIGITS - 1)), word(63)
    to_index, index_mask = word(_POWER_BITS - _INDEX_BITS), word((1 << _INDEX_BITS) - 1)
    to_fraction, index_bits = word(64 - _POWER_BITS + _INDEX_BITS), word(_INDEX_BITS)
    power_bits, zero, doubt = word(_POWER_BITS), word(0), word(_POWER_ERROR)
    # So that the floor of a negative exponent is a shift as well.
    lift, lifted = word(1 << 63), signed(1 << (63 - _POWER_BITS))

    def quick(a: Any) -> Any:
        within = word(word(a & magnitude_mask) - lowest) < numbers
        e, d = digits(a)
        y = high(word(d << word(word(signed(e + up)) & top)), log_two_e)
        y = word(lift - y) if word(a & sign_mask) != zero else word(lift + y)
        start = word(table[word(word(y >> to_index) & index_mask)])
        r = word(y << to_fraction)
        m = word(start + word(high(start, high(rising(r), r)) >> index_bits))
        settled, z = settle(zero, signed(signed(y >> power_bits) - lifted), m, doubt)
        return within & settled, z

    return quick


def quick_maker(name: str, format: Format) -> Maker | None:
    """What makes ``quick(a) -> (settled, z)`` of a function and a format, if anything does."""
    precision, emin, emax = format.precision, format.emin, format.emax
    if name == "exp" and min(emax, -emin) > 3:
        return _make_quick_exponential
    # A logarithm that is not zero is at least 2**-p, and less than what follows.
    if name in _BASES and emin <= -precision and (precision - emin).bit_length() < emax:
        return _quick_logarithm(_BASES[name])
    return None
