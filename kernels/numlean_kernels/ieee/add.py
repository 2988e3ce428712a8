"""Addition and subtraction (clause 5.4.1)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.fields import make_shift_right_jam
from numlean_kernels.ieee.kit import Kit
from numlean_kernels.ieee.nan import make_propagate
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.sign import make_neg
from numlean_kernels.targets.protocol import Routine


def make_add(kit: Kit) -> Routine:
    """Return ``add(a, b)``: a + b rounded once.

    NaN operands propagate; infinities of unlike signs give the default NaN. An exact zero is +0
    unless both operands are -0.
    """
    word, signed, clz = kit.word, kit.signed, kit.clz
    round_pack, propagate = kit.routine(make_round_pack), kit.routine(make_propagate)
    shift_right_jam = kit.routine(make_shift_right_jam)
    sign_mask, magnitude_mask, trailing_mask = kit.words(
        "sign_mask", "magnitude_mask", "trailing_mask"
    )
    implicit_bit, infinity, default_nan, zero = kit.words(
        "implicit_bit", "infinity", "default_nan", "zero"
    )
    trailing_bits, shift_mask = word(kit.format.trailing_bits), word(kit.word_bits - 1)
    # Operands stand one bit lower than a working significand, so that their sum has room.
    lead = word(kit.guard_bits - 1)
    one = signed(1)

    def add(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
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
        z = round_pack(sign, signed(exp + one - shift), sig_normal)

        z = z if sig != 0 else word(a & b & sign_mask)
        z_infinite = default_nan if subtract & (small == infinity) else word(sign | infinity)
        z = z if big < infinity else z_infinite
        return z if big <= infinity else propagate(a, b)

    return add


def make_sub(kit: Kit) -> Routine:
    """Return ``sub(a, b)``: add(a, neg(b)), NaNs included."""
    add, neg = kit.routine(make_add), kit.routine(make_neg)

    def sub(a: Any, b: Any) -> Any:
        return add(a, neg(b))

    return sub
