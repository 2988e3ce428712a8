"""The one place where a result is rounded (clauses 4.3.1 and 7.4)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.fields import make_shift_right_jam
from numlean_kernels.ieee.kit import Kit
from numlean_kernels.targets.protocol import Routine


def make_round_pack(kit: Kit) -> Routine:
    """Return ``round_pack(sign, exp, sig)``: the encoding nearest to a working significand.

    ``sign`` is a word with the sign bit in place; the exact result is sig / 2**(w-2) *
    2**(exp - bias), bit 0 of sig being sticky. Ties go to even. Results below the normal range
    are denormalised first, so that they are rounded once; results beyond the range become
    infinity. sig 0 gives a zero of that sign when exp <= 1.
    """
    word, signed = kit.word, kit.signed
    shift_right_jam = kit.routine(make_shift_right_jam)
    one, farthest = signed(1), signed(kit.word_bits)
    exponent_limit = signed(kit.format.exponent_limit)
    guard_bits, trailing_bits = word(kit.guard_bits), word(kit.format.trailing_bits)
    below_half, odd = word((1 << (kit.guard_bits - 1)) - 1), word(1)
    (infinity,) = kit.words("infinity")

    def round_pack(sign: Any, exp: Any, sig: Any) -> Any:
        below = signed(one - exp)
        below = below if below > 0 else signed(0)
        sig = shift_right_jam(sig, word(below if below < farthest else farthest))
        exp = exp if exp > one else one
        exp = exp if exp < exponent_limit else exponent_limit
        increment = word(below_half + ((sig >> guard_bits) & odd))
        kept = word(word(sig + increment) >> guard_bits)
        # kept holds the implicit bit of a normal number, which adds the 1 taken from exp; a carry
        # out of the significand moves on into the exponent field, as it should.
        magnitude = word(word(word(exp - one) << trailing_bits) + kept)
        return word(sign | (magnitude if magnitude < infinity else infinity))

    return round_pack
