"""Square root (clause 5.4.1)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.fields import make_accept, make_unpack
from numlean_kernels.ieee.flags import INVALID
from numlean_kernels.ieee.kit import Kit
from numlean_kernels.ieee.nan import default_nan, make_is_signalling, make_propagate
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_infinite
from numlean_kernels.targets.protocol import Routine


def make_sqrt(kit: Kit) -> Routine:
    """Return ``sqrt(a) -> (z, flags)``: the square root rounded once.

    NaN propagates; sqrt(+-0) is the operand; a number below zero is invalid. The root
    comes from the schoolbook recurrence: two bits of the radicand and one of the root a step,
    p+1 bits, and a sticky bit from the remainder, so it is exact before rounding.
    """
    word, signed = kit.word, kit.signed
    accept, unpack = kit.routine(make_accept), kit.routine(make_unpack)
    round_pack, infinite = kit.routine(make_round_pack), kit.routine(make_infinite)
    propagate, is_signalling = kit.routine(make_propagate), kit.routine(make_is_signalling)
    invalid_nan = default_nan(kit)
    sign_mask, magnitude_mask, infinity, max_number = kit.words(
        "sign_mask", "magnitude_mask", "infinity", "max_number"
    )
    no_flag, invalid_flag = word(0), word(INVALID)
    bias, one_exp = signed(kit.format.bias), signed(1)
    zero, one, two = word(0), word(1), word(2)
    top_two = word(kit.word_bits - 2)
    steps = kit.format.precision + 1
    lead = word(kit.word_bits - 1 - steps)

    def sqrt(a: Any) -> Any:
        a = accept(a)
        magnitude = word(a & magnitude_mask)
        exp, sig = unpack(magnitude)
        e = signed(exp - bias)
        # The radicand in [1, 4), with two integer bits at the top of the word; e made even.
        odd = signed(e & one_exp)
        radicand = word(sig >> word(one_exp - odd))
        root, remainder = zero, zero
        for _ in range(steps):
            remainder = word((remainder << two) | (radicand >> top_two))
            radicand = word(radicand << two)
            trial = word((root << two) | one)
            fits = remainder >= trial
            remainder = word(remainder - (trial if fits else zero))
            root = word((root << one) | (one if fits else zero))
        sig_root = word((root << lead) | (one if remainder != 0 else zero))
        z, flags = round_pack(zero, signed(((e - odd) >> one_exp) + bias), sig_root)

        negative = (a & sign_mask) != 0
        z = infinite(zero) if magnitude == infinity else z
        z = a if magnitude == 0 else (invalid_nan if negative else z)
        flags = no_flag if (magnitude == 0) | (magnitude == infinity) else flags
        flags = invalid_flag if negative & (magnitude != 0) else flags
        signalling = invalid_flag if is_signalling(a) else no_flag
        is_nan = magnitude > max_number
        return (propagate(a, a) if is_nan else z), (signalling if is_nan else flags)

    return sqrt
