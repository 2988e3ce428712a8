"""Addition and subtraction (clause 5.4.1)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.flags import INVALID
from numlean_kernels.ieee.arithmetic import NanRule
from numlean_kernels.ieee.fields import make_read_operand, make_shift_right_jam
from numlean_kernels.ieee.nan import (
    default_nan,
    make_is_nan,
    make_is_signalling,
    make_propagate,
)
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_infinite, make_zero_sum
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.ieee.sign import make_neg
from numlean_kernels.protocol import Routine


def make_add(builder: RoutineBuilder) -> Routine:
    """Return ``add(a, b, *random_bits) -> (z, flags)``: a + b rounded once.

    NaN operands propagate; infinities of opposite signs are invalid. An exact zero is +0 unless
    both operands are -0; toward negative it is -0 unless both operands are +0.
    """
    word, signed, clz = builder.word, builder.signed, builder.clz
    read_operand, round_pack = builder.routine(make_read_operand), builder.routine(make_round_pack)
    propagate, is_signalling = builder.routine(make_propagate), builder.routine(make_is_signalling)
    shift_right_jam, infinite = (
        builder.routine(make_shift_right_jam),
        builder.routine(make_infinite),
    )
    zero_sum, invalid_nan = builder.routine(make_zero_sum), default_nan(builder)
    sign_mask, magnitude_mask, trailing_mask = builder.words(
        "sign_mask", "magnitude_mask", "trailing_mask"
    )
    implicit_bit, infinity, max_number, zero = builder.words(
        "implicit_bit", "infinity", "max_number", "zero"
    )
    no_flag, invalid_flag = word(0), word(INVALID)
    trailing_bits, shift_mask = word(builder.format.trailing_bits), word(builder.word_bits - 1)
    # Operands are one bit lower than a working significand, which leaves room for their sum.
    lead = word(builder.guard_bits - 1)
    one = signed(1)

    def add(a: Any, b: Any, *random_bits: Any) -> Any:
        a, b = read_operand(a), read_operand(b)
        mag_a, mag_b = word(a & magnitude_mask), word(b & magnitude_mask)
        ordered = mag_a >= mag_b
        big, small = (mag_a, mag_b) if ordered else (mag_b, mag_a)
        sign = word((a if ordered else b) & sign_mask)
        subtract = word((a ^ b) & sign_mask) != 0

        field_big, field_small = signed(big >> trailing_bits), signed(small >> trailing_bits)
        implicit_big = implicit_bit if field_big != 0 else zero
        implicit_small = implicit_bit if field_small != 0 else zero
        exp = field_big if field_big != 0 else one
        distance = signed(exp - (field_small if field_small != 0 else one))
        sig_big = word(((big & trailing_mask) | implicit_big) << lead)
        sig_small = word(((small & trailing_mask) | implicit_small) << lead)
        sig_small = shift_right_jam(sig_small, word(distance))

        sig = word(sig_big - sig_small) if subtract else word(sig_big + sig_small)
        shift = signed(clz(sig)) - one
        sig_normal = word(sig << word(shift & shift_mask))
        z, flags = round_pack(sign, signed(exp + one - shift), sig_normal, *random_bits)

        z = z if sig != 0 else zero_sum(a & sign_mask, b & sign_mask)
        flags = flags if sig != 0 else no_flag
        opposed = subtract & (small == infinity)
        z = z if big < infinity else (invalid_nan if opposed else infinite(sign))
        flags = flags if big < infinity else (invalid_flag if opposed else no_flag)
        signalling = invalid_flag if is_signalling(a) | is_signalling(b) else no_flag
        is_number = big <= max_number
        return (z if is_number else propagate(a, b)), (flags if is_number else signalling)

    return add


def make_sub(builder: RoutineBuilder) -> Routine:
    """Return ``sub(a, b, *random_bits) -> (z, flags)``: a - b rounded once.

    Under the NaN rule ``torchlean`` it equals add(a, neg(b)), and neg flips the sign of a NaN.
    Under the rules of processors a NaN b propagates unchanged.
    """
    add, propagate = builder.routine(make_add), builder.routine(make_propagate)
    word, is_nan = builder.word, builder.routine(make_is_nan)
    is_signalling, neg = builder.routine(make_is_signalling), builder.routine(make_neg)
    no_flag, invalid_flag = word(0), word(INVALID)
    negates_nan = builder.arithmetic.nan is NanRule.TORCHLEAN

    def sub(a: Any, b: Any, *random_bits: Any) -> Any:
        a, b = word(a), word(b)
        z, flags = add(a, neg(b), *random_bits)
        # neg made a signalling b quiet, but the subtraction is still invalid.
        flags = word(flags | (invalid_flag if is_signalling(b) else no_flag))
        return (z if negates_nan | (not is_nan(b)) else propagate(a, b)), flags

    return sub
