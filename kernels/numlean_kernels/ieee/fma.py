"""Fused multiply-add (clause 5.4.1)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.flags import INVALID
from numlean_kernels.ieee.arithmetic import NanRule
from numlean_kernels.ieee.fields import make_read_operand, make_unpack
from numlean_kernels.ieee.nan import default_nan, make_is_signalling, make_propagate_ternary
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_infinite, make_zero_sum
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.ieee.wide import wide_operations
from numlean_kernels.protocol import Routine


def make_fma(builder: RoutineBuilder) -> Routine:
    """Return ``fma(a, b, c, *random_bits) -> (z, flags)``: a * b + c rounded once.

    NaN operands propagate; zero times infinity and infinities of opposite signs are invalid. If c
    is a quiet NaN, zero times infinity is invalid under the rules of Arm and RISC-V only. Exact
    zeros have the sign of a zero sum.

    The product has at most 2p bits and is exact, with its leading one at bit 2w-3 of a wide number;
    so is the addend. The operand of smaller magnitude is shifted right with a sticky bit. If that
    loses bits, the exponents differ by more than 2w-3-2p > 1, so the difference loses at most one
    leading bit, and the sticky bit stays below the p+1 bits that determine the rounding.
    """
    word, signed, wide = builder.word, builder.signed, wide_operations(builder)
    multiply, lift, top, less, choose = (
        wide.multiply,
        wide.lift,
        wide.top,
        wide.less,
        wide.choose,
    )
    shift_left, shift_right, shift_right_jam = (
        wide.shift_left,
        wide.shift_right,
        wide.shift_right_jam,
    )
    wide_add, wide_sub, clz = wide.add, wide.sub, wide.clz
    read_operand, unpack = builder.routine(make_read_operand), builder.routine(make_unpack)
    round_pack, infinite = builder.routine(make_round_pack), builder.routine(make_infinite)
    propagate, is_signalling = (
        builder.routine(make_propagate_ternary),
        builder.routine(make_is_signalling),
    )
    zero_sum, invalid_nan = builder.routine(make_zero_sum), default_nan(builder)
    sign_mask, magnitude_mask, infinity, max_number = builder.words(
        "sign_mask", "magnitude_mask", "infinity", "max_number"
    )
    bias, one, two = signed(builder.format.bias), signed(1), signed(2)
    # The exponent of a zero is below all others, so that a zero never shifts a number away.
    zero_exp = signed(-8 * builder.format.bias - 4 * builder.format.precision)
    one_word, two_words, leading_bit = word(1), word(2), word(1 << (builder.word_bits - 1))
    no_flag, invalid_flag = word(0), word(INVALID)
    has_infinity = builder.format.has_infinity
    invalid_beats_nan = builder.arithmetic.nan in (NanRule.ARM, NanRule.RISCV)

    def fma(a: Any, b: Any, c: Any, *random_bits: Any) -> Any:
        a, b, c = read_operand(a), read_operand(b), read_operand(c)
        mag_a, mag_b = word(a & magnitude_mask), word(b & magnitude_mask)
        mag_c = word(c & magnitude_mask)
        sign_product, sign_c = word((a ^ b) & sign_mask), word(c & sign_mask)
        subtract = sign_product != sign_c
        exp_a, sig_a = unpack(mag_a)
        exp_b, sig_b = unpack(mag_b)
        exp_c, sig_c = unpack(mag_c)

        product = multiply(sig_a, sig_b)
        carried = top(product) >= leading_bit
        # Neither shift loses a bit: significands end in w - p zeros, products in twice as many.
        product = shift_right(product, two_words if carried else one_word)
        has_zero = (mag_a == 0) | (mag_b == 0)
        exp_product = signed(exp_a + exp_b - bias + (one if carried else signed(0)))
        exp_product = zero_exp if has_zero else exp_product
        addend = shift_right(lift(sig_c), two_words)
        exp_c = exp_c if mag_c != 0 else zero_exp

        addend_bigger = (exp_product < exp_c) | ((exp_product == exp_c) & less(product, addend))
        exp = exp_c if addend_bigger else exp_product
        big, small = choose(addend_bigger, addend, product), choose(addend_bigger, product, addend)
        small = shift_right_jam(small, word(exp - (exp_product if addend_bigger else exp_c)))
        total = choose(subtract, wide_sub(big, small), wide_add(big, small))
        zeros = clz(total)
        sig = top(shift_left(total, word(zeros - one)))
        sign = sign_c if addend_bigger else sign_product
        z, flags = round_pack(sign, signed(exp - zeros + two), sig, *random_bits)

        z = z if sig != 0 else zero_sum(sign_product, sign_c)
        flags = flags if sig != 0 else no_flag
        product_infinite = (mag_a == infinity) | (mag_b == infinity)
        invalid_product = has_zero & product_infinite & has_infinity
        invalid = invalid_product | (product_infinite & subtract & (mag_c == infinity))
        is_infinite = product_infinite | (mag_c == infinity)
        z_infinite = infinite(sign_product if product_infinite else sign_c)
        z = (invalid_nan if invalid else z_infinite) if is_infinite else z
        flags = (invalid_flag if invalid else no_flag) if is_infinite else flags
        has_nan = (mag_a > max_number) | (mag_b > max_number) | (mag_c > max_number)
        signalling = is_signalling(a) | is_signalling(b) | is_signalling(c)
        nan_flags = invalid_flag if signalling | (invalid_product & invalid_beats_nan) else no_flag
        z_nan = propagate(a, b, c, invalid_product)
        return (z_nan if has_nan else z), (nan_flags if has_nan else flags)

    return fma
