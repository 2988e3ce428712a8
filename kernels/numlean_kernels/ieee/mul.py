"""Multiplication (clause 5.4.1)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.flags import INVALID
from numlean_kernels.ieee.fields import make_read_operand, make_unpack
from numlean_kernels.ieee.nan import default_nan, make_is_signalling, make_propagate
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_infinite
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.ieee.wide import wide_operations
from numlean_kernels.protocol import Routine


def make_mul(builder: RoutineBuilder) -> Routine:
    """Return ``mul(a, b, *random_bits) -> (z, flags)``: a * b rounded once.

    NaN operands propagate; zero times infinity is invalid.
    """
    word, signed, wide = builder.word, builder.signed, wide_operations(builder)
    read_operand, unpack = builder.routine(make_read_operand), builder.routine(make_unpack)
    round_pack, infinite = builder.routine(make_round_pack), builder.routine(make_infinite)
    propagate, is_signalling = builder.routine(make_propagate), builder.routine(make_is_signalling)
    multiply, top, invalid_nan = wide.multiply, wide.top, default_nan(builder)
    sign_mask, magnitude_mask, infinity, max_number = builder.words(
        "sign_mask", "magnitude_mask", "infinity", "max_number"
    )
    bias, last_bit = signed(builder.format.bias), word(builder.word_bits - 1)
    no_flag, invalid_flag = word(0), word(INVALID)

    def mul(a: Any, b: Any, *random_bits: Any) -> Any:
        a, b = read_operand(a), read_operand(b)
        mag_a, mag_b = word(a & magnitude_mask), word(b & magnitude_mask)
        sign = word((a ^ b) & sign_mask)
        exp_a, sig_a = unpack(mag_a)
        exp_b, sig_b = unpack(mag_b)
        high = top(multiply(sig_a, sig_b))
        # The leading one is at bit w-1 or w-2 of high; move it to w-2.
        carry = word(high >> last_bit)
        sig = word((high >> carry) | (high & carry))
        z, flags = round_pack(sign, signed(exp_a + exp_b - bias + signed(carry)), sig, *random_bits)

        has_zero = (mag_a == 0) | (mag_b == 0)
        has_infinity = (mag_a == infinity) | (mag_b == infinity)
        z = sign if has_zero else z
        z = (invalid_nan if has_zero else infinite(sign)) if has_infinity else z
        exact = has_zero | has_infinity
        flags = (invalid_flag if has_zero & has_infinity else no_flag) if exact else flags
        signalling = invalid_flag if is_signalling(a) | is_signalling(b) else no_flag
        has_nan = (mag_a > max_number) | (mag_b > max_number)
        return (propagate(a, b) if has_nan else z), (signalling if has_nan else flags)

    return mul
