"""Multiplication (clause 5.4.1)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.fields import make_unpack
from numlean_kernels.ieee.kit import Kit
from numlean_kernels.ieee.nan import make_propagate
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.targets.protocol import Routine


def make_mul(kit: Kit) -> Routine:
    """Return ``mul(a, b)``: a * b rounded once.

    NaN operands propagate; zero times infinity gives the default NaN.
    """
    word, wide, signed = kit.word, kit.wide, kit.signed
    unpack, round_pack = kit.routine(make_unpack), kit.routine(make_round_pack)
    propagate = kit.routine(make_propagate)
    sign_mask, magnitude_mask, infinity, default_nan = kit.words(
        "sign_mask", "magnitude_mask", "infinity", "default_nan"
    )
    bias, word_bits = signed(kit.format.bias), wide(kit.word_bits)
    top, zero, one = word(kit.word_bits - 1), word(0), word(1)

    def mul(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        mag_a, mag_b = word(a & magnitude_mask), word(b & magnitude_mask)
        sign = word((a ^ b) & sign_mask)
        exp_a, sig_a = unpack(mag_a)
        exp_b, sig_b = unpack(mag_b)
        product = wide(wide(sig_a) * wide(sig_b))
        high = word(product >> word_bits)
        sticky = one if word(product) != 0 else zero
        # The leading one stands at bit w-1 or w-2 of high; bring it to w-2.
        carry = word(high >> top)
        sig = word((high >> carry) | (high & carry) | sticky)
        z = round_pack(sign, signed(exp_a + exp_b - bias + signed(carry)), sig)

        has_zero = (mag_a == 0) | (mag_b == 0)
        z = sign if has_zero else z
        z_infinite = default_nan if has_zero else word(sign | infinity)
        z = z_infinite if (mag_a == infinity) | (mag_b == infinity) else z
        return propagate(a, b) if (mag_a > infinity) | (mag_b > infinity) else z

    return mul
