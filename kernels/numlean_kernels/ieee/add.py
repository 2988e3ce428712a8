"""Addition and subtraction (clause 5.4.1)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.flags import INVALID
from numlean_kernels.ieee.arithmetic import NanRule
from numlean_kernels.ieee.fields import make_accept, make_shift_right_jam
from numlean_kernels.ieee.nan import (
    default_nan,
    make_is_nan,
    make_is_signalling,
    make_propagate,
)
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_infinite, make_zero_sum
from numlean_kernels.ieee.routine_builder import Kit
from numlean_kernels.ieee.sign import make_neg
from numlean_kernels.protocol import Routine


def make_add(kit: Kit) -> Routine:
    """Return ``add(a, b, noise) -> (z, flags)``: a + b rounded once.

    NaN operands propagate; infinities of unlike signs are invalid. An exact zero is +0 unless both
    operands are -0, and -0 unless both are +0 when rounding toward negative.
    """
    word, signed, clz = kit.word, kit.signed, kit.clz
    accept, round_pack = kit.routine(make_accept), kit.routine(make_round_pack)
    propagate, is_signalling = kit.routine(make_propagate), kit.routine(make_is_signalling)
    shift_right_jam, infinite = kit.routine(make_shift_right_jam), kit.routine(make_infinite)
    zero_sum, invalid_nan = kit.routine(make_zero_sum), default_nan(kit)
    sign_mask, magnitude_mask, trailing_mask = kit.words(
        "sign_mask", "magnitude_mask", "trailing_mask"
    )
    implicit_bit, infinity, max_number, zero = kit.words(
        "implicit_bit", "infinity", "max_number", "zero"
    )
    no_flag, invalid_flag = word(0), word(INVALID)
    trailing_bits, shift_mask = word(kit.format.trailing_bits), word(kit.word_bits - 1)
    # Operands stand one bit lower than a working significand, so that their sum has room.
    lead = word(kit.guard_bits - 1)
    one = signed(1)

    def add(a: Any, b: Any, noise: Any) -> Any:
        a, b = accept(a), accept(b)
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
        z, flags = round_pack(sign, signed(exp + one - shift), sig_normal, noise)

        z = z if sig != 0 else zero_sum(a & sign_mask, b & sign_mask)
        flags = flags if sig != 0 else no_flag
        opposed = subtract & (small == infinity)
        z = z if big < infinity else (invalid_nan if opposed else infinite(sign))
        flags = flags if big < infinity else (invalid_flag if opposed else no_flag)
        signalling = invalid_flag if is_signalling(a) | is_signalling(b) else no_flag
        is_number = big <= max_number
        return (z if is_number else propagate(a, b)), (flags if is_number else signalling)

    return add


def make_sub(kit: Kit) -> Routine:
    """Return ``sub(a, b, noise) -> (z, flags)``: a - b rounded once.

    Under the rule ``torchlean`` it is add(a, neg(b)) for NaNs as well, whose sign neg flips. Under
    the processors' rules a NaN comes through as it is.
    """
    add, propagate = kit.routine(make_add), kit.routine(make_propagate)
    word, is_nan = kit.word, kit.routine(make_is_nan)
    is_signalling, neg = kit.routine(make_is_signalling), kit.routine(make_neg)
    no_flag, invalid_flag = word(0), word(INVALID)
    negates_nan = kit.arithmetic.nan is NanRule.TORCHLEAN

    def sub(a: Any, b: Any, noise: Any) -> Any:
        a, b = word(a), word(b)
        z, flags = add(a, neg(b), noise)
        # neg has made a signalling b quiet, but the subtraction is invalid all the same.
        flags = word(flags | (invalid_flag if is_signalling(b) else no_flag))
        return (z if negates_nan | (not is_nan(b)) else propagate(a, b)), flags

    return sub
