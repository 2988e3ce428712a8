"""Fused multiply-add (clause 5.4.1)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.fields import make_shift_right_jam_wide, make_unpack
from numlean_kernels.ieee.kit import Kit
from numlean_kernels.ieee.nan import make_propagate_ternary
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.targets.protocol import Routine


def make_fma(kit: Kit) -> Routine:
    """Return ``fma(a, b, c)``: a * b + c rounded once.

    NaN operands propagate, and win over an invalid product; zero times infinity and infinities
    of unlike signs give the default NaN. An exact zero is +0 unless product and addend are both
    negative.

    The product has at most 2p bits and is held exactly, with its leading one at bit 2w-3 of a
    wide word; so is the addend. The one of smaller magnitude is shifted right with a sticky bit.
    If that loses bits, the two exponents lie more than 2w-3-2p > 1 apart, so the difference loses
    at most one leading bit, and the sticky bit stays below the p+1 bits that decide the rounding.
    """
    word, wide, signed, clz_wide = kit.word, kit.wide, kit.signed, kit.clz_wide
    unpack, round_pack = kit.routine(make_unpack), kit.routine(make_round_pack)
    propagate = kit.routine(make_propagate_ternary)
    shift_right_jam = kit.routine(make_shift_right_jam_wide)
    sign_mask, magnitude_mask, infinity, default_nan = kit.words(
        "sign_mask", "magnitude_mask", "infinity", "default_nan"
    )
    bias, one, two = signed(kit.format.bias), signed(1), signed(2)
    # A zero must never shift a nonzero number away: its exponent is below every other.
    zero_exp = signed(-4 * kit.format.bias)
    word_bits, wide_one = wide(kit.word_bits), wide(1)
    wide_top, addend_lead = wide(2 * kit.word_bits - 1), wide(kit.word_bits - 2)
    shift_mask = wide(2 * kit.word_bits - 1)
    word_zero, word_one = word(0), word(1)

    def fma(a: Any, b: Any, c: Any) -> Any:
        a, b, c = word(a), word(b), word(c)
        mag_a, mag_b = word(a & magnitude_mask), word(b & magnitude_mask)
        mag_c = word(c & magnitude_mask)
        sign_product, sign_c = word((a ^ b) & sign_mask), word(c & sign_mask)
        subtract = sign_product != sign_c
        exp_a, sig_a = unpack(mag_a)
        exp_b, sig_b = unpack(mag_b)
        exp_c, sig_c = unpack(mag_c)

        product = wide(wide(sig_a) * wide(sig_b))
        carry = wide(product >> wide_top)
        product = wide((product >> wide_one) >> carry)
        exp_product = signed(exp_a + exp_b - bias + signed(carry))
        exp_product = exp_product if product != 0 else zero_exp
        addend = wide(wide(sig_c) << addend_lead)
        exp_c = exp_c if addend != 0 else zero_exp

        product_bigger = (exp_product > exp_c) | ((exp_product == exp_c) & (product >= addend))
        exp = exp_product if product_bigger else exp_c
        big = product if product_bigger else addend
        small = addend if product_bigger else product
        distance = signed(exp - (exp_c if product_bigger else exp_product))
        small = shift_right_jam(small, wide(distance))
        total = wide(big - small) if subtract else wide(big + small)
        sign = sign_product if product_bigger else sign_c
        zeros = signed(clz_wide(total))
        total = wide(total << (wide(zeros - one) & shift_mask))
        sig = word(word(total >> word_bits) | (word_one if word(total) != 0 else word_zero))
        z = round_pack(sign, signed(exp - zeros + two), sig)

        z = z if total != 0 else word(sign_product & sign_c)
        has_zero = (mag_a == 0) | (mag_b == 0)
        product_infinite = (mag_a == infinity) | (mag_b == infinity)
        opposed = subtract & (mag_c == infinity)
        z = c if mag_c == infinity else z
        z_infinite = default_nan if has_zero | opposed else word(sign_product | infinity)
        z = z_infinite if product_infinite else z
        has_nan = (mag_a > infinity) | (mag_b > infinity) | (mag_c > infinity)
        return propagate(a, b, c) if has_nan else z

    return fma
