"""The fast phase of exponential and logarithms, which is certain for nearly every operand.

**Method.** Correct rounding at every operand needs a logarithm to 2**-59, but in nearly all cases
2**-48 suffices. So the fast phase computes a short sum in single words, for operands and results
that are normal numbers; if a rounding boundary lies within its error bound, the accurate phase
decides. The boundaries of all rounding directions are the multiples of half a unit in the last
place. Exact values, and zero, are among them, so the fast phase is never certain of those.

**Digits.** An operand has at most 24 digits, so it is exact in a fraction of a word.

**Logarithm.** As in :mod:`.logarithm`, k*ln 2 - ln c + ln(1 + r) of m*2**k, with r = m*c - 1; but c
has 10 bits, r is exact in units of 2**-33, and |r| <= 2**-8. ln(1 + r) = r - r**2 * (1/2 - r/3 +
r**2/4 - r**3/5) omits less than 2**-50.5. Numbers are in two's complement, and no product exceeds a
word. Errors in units of 2**-54, the units of the sum: the Horner steps are each cut by less than a
unit of 2**-38, and their coefficients are off by half of one, 1.6 in all, which multiplied by r**2
is 1.6 here; the cut of r times the polynomial to 2**-45 makes 2, that of its product with r makes
one, the tables and the factor of the base less than 3. With the omitted terms, at most 1.45 * 10.7,
the sum is below 24.

**Exponential.** As in :mod:`.exponential`, 2**(k + f) for x * log2(e) = k + f. The product is the
sum of two, by the upper 30 and the lower 24 bits of log2(e), in units of 2**-38 of the last digit
of x. Cut to units of 2**-44 it is off by less than 1.1 of them, which makes 2**f off by less than
2**20 units of 2**-63. 2**f is a polynomial of :mod:`.piecewise_polynomial` on each 64th, off by
less than 9 * 2**22 units by rounding and 2**17 by interpolation; in sum that is less than 2**26.
Numbers below 2**-27 are replaced by numbers of that exponent: between one and their exponentials
lies no rounding boundary.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final

import numpy as np

from numlean_kernels.elementary.constants import context, units, words
from numlean_kernels.elementary.piecewise_polynomial import (
    SPLIT,
    Piece,
    Polynomials,
    kept_polynomials,
    piecewise,
)
from numlean_kernels.elementary.reduction import FARTHEST, Reduction, scale_of
from numlean_kernels.elementary.rounding_test import DIGITS, make_digits, make_rounding_test
from numlean_kernels.elementary.saturating import ERF, TANH, fast_odd, make_fast_sigmoid
from numlean_kernels.formats import Format
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_INDEX_BITS: Final = 8

_REDUCTION: Final = Reduction(index_bits=_INDEX_BITS, factor_bits=10)
_R_BITS: Final = DIGITS - 1 + _REDUCTION.factor_bits
_TERM_BITS: Final = 38
_MIDDLE_BITS: Final = 45
_HALF: Final = 36
"""Bits of each half of the factor of a base; the factor reaches 1.45."""
_LOG_BITS: Final = 54
_LOG_TERMS: Final = 4
_LOG_ERROR: Final = 24
_ODD: Final = {"tanh": TANH, "erf": ERF}
_BASES: Final = {"log": None, "log2": 2, "log10": 10}

_UPPER_BITS: Final = 30
_LOWER_BITS: Final = 24
"""The bits of the two parts of log2(e)."""
_PRODUCT_BITS: Final = 38
_PIECE_BITS: Final = 6
_POWER_BITS: Final = _PIECE_BITS + SPLIT
_POWER_ERROR: Final = 1 << 26
_LEAST_EXPONENT: Final = -27
_GREATEST_EXPONENT: Final = 5
"""Exponentials are certain for operands below 2**6 at most."""


@cache
def _fast_logarithm(base: int | None) -> Maker:
    """Return the maker of ``fast(a) -> (certain, z)``: a logarithm to a base (None: natural)."""

    def make(builder: RoutineBuilder) -> Routine:
        word, signed, long = builder.word, builder.signed, builder.target.signed(64)
        rounding_test, digits, clz = (
            builder.routine(make_rounding_test),
            builder.routine(make_digits),
            builder.clz,
        )
        implicit_bit, max_finite, sign_mask = builder.words(
            "implicit_bit", "max_finite", "sign_mask"
        )
        normal_numbers = word(max_finite - implicit_bit)
        scale, is_natural = scale_of(base), base is None
        powers, logs = (words(table) for table in _REDUCTION.tables(base, _LOG_BITS))
        multipliers = words(_REDUCTION.factors)
        terms = [scale * (-1) ** j / context().mpf(j + 2) for j in range(_LOG_TERMS)]
        coefficients = np.array([units(term, _TERM_BITS) for term in terms], dtype=np.int64)
        upper_factor, lower_factor = map(long, divmod(units(scale, 2 * _HALF), 1 << _HALF))
        to_index, index_mask = word(DIGITS - 1 - _INDEX_BITS), word((1 << _INDEX_BITS) - 1)
        unit, farthest, r_bits = long(1 << _R_BITS), signed(FARTHEST), long(_R_BITS)
        first_cut = long(_R_BITS + _TERM_BITS - _MIDDLE_BITS)
        second_cut = long(_R_BITS + _MIDDLE_BITS - _LOG_BITS)
        up, down = long(_LOG_BITS - _R_BITS), long(_R_BITS + _HALF - _LOG_BITS)
        lower_down = long(_R_BITS + 2 * _HALF - _LOG_BITS)
        error, zero, top = word(_LOG_ERROR), word(0), word(63)
        exponent, least = signed(63 - _LOG_BITS), word(1 << (_LOG_BITS - builder.format.precision))

        def fast(a: Any) -> Any:
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
            certain, z = rounding_test(
                word(minus & sign_mask),
                signed(exponent - signed(zeros)),
                word(size << zeros),
                word(error << zeros),
            )
            return within & certain, z

        return fast

    return make


def _greatest_exponent(format: Format) -> int:
    """Return the largest exponent of operands whose exponentials are all normal numbers.

    Those of the negated operands are normal too.
    """
    reach = (min(format.emax, -format.emin) - 1) * math.log(2)
    return min(math.floor(math.log2(reach)) - 1, _GREATEST_EXPONENT)


@cache
def powers_of_two() -> Polynomials:
    """Return the polynomials of 2**f, for 64 pieces of [0, 1)."""

    def pieces() -> list[Piece]:
        mp = context()
        width = mp.ldexp(1, -_PIECE_BITS)
        return [Piece(mp.mpf(2).__pow__, i * width, width, 0) for i in range(64)]

    return kept_polynomials("exp2", pieces)


def _make_fast_exponential(builder: RoutineBuilder) -> Routine:
    """Return ``fast(a) -> (certain, z)``: exp."""
    word, signed, format = builder.word, builder.signed, builder.format
    rounding_test, digits = builder.routine(make_rounding_test), builder.routine(make_digits)
    value = builder.routine(piecewise(powers_of_two(), SPLIT))
    lowest = word(format.implicit_bit)
    beyond = _greatest_exponent(format) + 1 + format.bias << format.trailing_bits
    numbers = word(beyond - format.implicit_bit)
    magnitude_mask, sign_mask = builder.words("magnitude_mask", "sign_mask")
    log_two_e = units(1 / context().ln(2), _UPPER_BITS + _LOWER_BITS)
    upper, lower = map(word, divmod(log_two_e, 1 << _LOWER_BITS))
    upper_up = word(_PRODUCT_BITS - _UPPER_BITS)
    lower_down = word(_UPPER_BITS + _LOWER_BITS - _PRODUCT_BITS)
    least, to_units = signed(_LEAST_EXPONENT), signed(_PRODUCT_BITS + DIGITS - 1 - _POWER_BITS)
    to_piece, piece_mask = word(SPLIT), word((1 << _PIECE_BITS) - 1)
    power_bits, t_mask = word(_POWER_BITS), word((1 << SPLIT) - 1)
    zero, error_bound, top = word(0), word(_POWER_ERROR), word(63)
    # Lifted, so that a shift is the floor of a negative exponent too.
    lift, lifted = word(1 << 63), signed(1 << (63 - _POWER_BITS))

    def fast(a: Any) -> Any:
        within = word(word(a & magnitude_mask) - lowest) < numbers
        e, d = digits(a)
        y = word(word(word(d * upper) << upper_up) + word(word(d * lower) >> lower_down))
        y = word(y >> word(word(signed(to_units - (e if e > least else least))) & top))
        y = word(lift - y) if word(a & sign_mask) != zero else word(lift + y)
        _, m = value(word(word(y >> to_piece) & piece_mask), word(y & t_mask))
        certain, z = rounding_test(zero, signed(signed(y >> power_bits) - lifted), m, error_bound)
        return within & certain, z

    return fast


def fast_maker(name: str, format: Format) -> Maker | None:
    """Return the maker of ``fast(a) -> (certain, z)`` of a function and a format, or None."""
    precision, emin, emax = format.precision, format.emin, format.emax
    if not format.trailing_bits:  # what is even depends on the exponent
        return None
    if name == "exp" and min(emax, -emin) > 3:
        return _make_fast_exponential
    # A nonzero logarithm is at least 2**-p, and less than the bound below.
    if name in _BASES and emin <= -precision and (precision - emin).bit_length() < emax:
        return _fast_logarithm(_BASES[name])
    if name in _ODD and emin < -1:
        return fast_odd(_ODD[name])
    if name == "sigmoid" and emin < -1:
        return make_fast_sigmoid
    return None
