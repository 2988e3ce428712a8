"""Division (clause 5.4.1)."""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.flags import DIVIDE_BY_ZERO, INVALID
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.ieee.fields import make_read_operand, make_unpack
from numlean_kernels.ieee.nan import default_nan, make_is_signalling, make_propagate
from numlean_kernels.ieee.reciprocal import make_reciprocal
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_infinite
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_DIGITS: Final = 2
_DIGIT_BITS: Final = {32: 12, 64: 27}
"""Bits of a digit of the quotient, by the width of a word; two digits hold the largest precision.
"""


def make_div(builder: RoutineBuilder) -> Routine:
    """Return ``div(a, b, *random_bits) -> (z, flags)``: a / b rounded once.

    NaN operands propagate; 0/0 and infinity/infinity are invalid; a finite nonzero number over zero
    raises divide by zero.
    """
    word, signed = builder.word, builder.signed
    read_operand, unpack = builder.routine(make_read_operand), builder.routine(make_unpack)
    round_pack, infinite = builder.routine(make_round_pack), builder.routine(make_infinite)
    propagate, is_signalling = builder.routine(make_propagate), builder.routine(make_is_signalling)
    invalid_nan = default_nan(builder)
    sign_mask, magnitude_mask, infinity, max_number = builder.words(
        "sign_mask", "magnitude_mask", "infinity", "max_number"
    )
    no_flag, invalid_flag, by_zero_flag = word(0), word(INVALID), word(DIVIDE_BY_ZERO)
    bias, one_exp = signed(builder.format.bias), signed(1)
    divide = builder.routine(make_divide)

    def div(a: Any, b: Any, *random_bits: Any) -> Any:
        a, b = read_operand(a), read_operand(b)
        mag_a, mag_b = word(a & magnitude_mask), word(b & magnitude_mask)
        sign = word((a ^ b) & sign_mask)
        exp_a, sig_a = unpack(mag_a)
        exp_b, sig_b = unpack(mag_b)
        sig = divide(sig_a, sig_b)
        exp = signed(exp_a - exp_b + bias - (one_exp if sig_a < sig_b else signed(0)))
        z, flags = round_pack(sign, exp, sig, *random_bits)

        to_zero = (mag_a == 0) | (mag_b == infinity)
        to_infinity = (mag_a == infinity) | (mag_b == 0)
        z = sign if to_zero else z
        z = (invalid_nan if to_zero else infinite(sign)) if to_infinity else z
        by_zero = by_zero_flag if mag_a < infinity else no_flag
        flags = no_flag if to_zero else flags
        flags = (invalid_flag if to_zero else by_zero) if to_infinity else flags
        signalling = invalid_flag if is_signalling(a) | is_signalling(b) else no_flag
        has_nan = (mag_a > max_number) | (mag_b > max_number)
        return (propagate(a, b) if has_nan else z), (signalling if has_nan else flags)

    return div


def make_divide(builder: RoutineBuilder) -> Routine:
    """Return ``divide(sig_a, sig_b)``: the working significand of the quotient of two significands.

    Those have their leading one on top. If sig_a < sig_b, the quotient is doubled.

    **Notation.** b <= a < 2b are significands, h = w/2 is half a word, d < h - 3 the bits of a
    digit.

    The quotient is computed digit by digit. A digit is estimated as remainder * (1/b), with the
    remainder cut to h bits and the reciprocal in h - 1 bits. The estimate is below the true
    remainder * 2**d / b by less than 1/4 + 1/4 (the cuts) + 1/4 (the error of the reciprocal), so
    its floor is too small by less than 2. Hence the new remainder is again below 2b, and the last
    quotient is at most one too small; one comparison makes it exact, and the remainder becomes the
    sticky bit. Stochastic rounding needs all bits below the precision, so it computes a third digit
    that fills the word.
    """
    word, zero, one = builder.word, builder.word(0), builder.word(1)
    unused_bits = word(builder.word_bits - builder.format.precision)
    reciprocal = builder.routine(make_reciprocal)
    next_digit = builder.routine(_make_digit(_DIGIT_BITS[builder.word_bits]))
    rest_bits = builder.word_bits - 2 - _DIGITS * _DIGIT_BITS[builder.word_bits]
    is_stochastic = builder.arithmetic.rounding is Rounding.STOCHASTIC
    last_digit = builder.routine(_make_digit(rest_bits) if is_stochastic else _make_no_digit)
    lead = word(0 if is_stochastic else rest_bits)

    def divide(sig_a: Any, sig_b: Any) -> Any:
        remainder, divisor = word(sig_a >> unused_bits), word(sig_b >> unused_bits)
        remainder = word(remainder << (one if remainder < divisor else zero))
        y, quotient = reciprocal(sig_b), one
        remainder = word(remainder - divisor)
        for _ in range(_DIGITS):
            quotient, remainder = next_digit(quotient, remainder, divisor, y)
        quotient, remainder = last_digit(quotient, remainder, divisor, y)
        short = remainder >= divisor
        quotient = word(quotient + (one if short else zero))
        remainder = word(remainder - (divisor if short else zero))
        return word((quotient << lead) | (one if remainder != 0 else zero))

    return divide


def _make_digit(bits: int) -> Maker:
    """Return the maker of ``digit(quotient, remainder, divisor, y)``: both, one digit further."""

    def make(builder: RoutineBuilder) -> Routine:
        word, half, precision = builder.word, builder.word_bits // 2, builder.format.precision
        cut_bits = max(precision + 1 - half, 0)
        shift, cut = word(bits), word(cut_bits)
        places = word(precision + half - 1 - bits - cut_bits)

        def digit(quotient: Any, remainder: Any, divisor: Any, y: Any) -> Any:
            estimate = word(word(word(remainder >> cut) * y) >> places)
            quotient = word(word(quotient << shift) + estimate)
            return quotient, word(word(remainder << shift) - word(estimate * divisor))

        return digit

    return make


def _make_no_digit(builder: RoutineBuilder) -> Routine:
    def no_digit(quotient: Any, remainder: Any, divisor: Any, y: Any) -> Any:
        return quotient, remainder

    return no_digit
