"""Division (clause 5.4.1)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.fields import make_unpack
from numlean_kernels.ieee.kit import Kit
from numlean_kernels.ieee.nan import make_propagate
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.targets.protocol import Routine


def make_div(kit: Kit) -> Routine:
    """Return ``div(a, b)``: a / b rounded once.

    NaN operands propagate; 0/0 and infinity/infinity give the default NaN; a finite nonzero
    number over zero gives an infinity. The quotient comes from restoring division: one bit a
    step, p+1 bits, and a sticky bit from the remainder, so it is exact before rounding.
    """
    word, signed = kit.word, kit.signed
    unpack, round_pack = kit.routine(make_unpack), kit.routine(make_round_pack)
    propagate = kit.routine(make_propagate)
    sign_mask, magnitude_mask, infinity, default_nan = kit.words(
        "sign_mask", "magnitude_mask", "infinity", "default_nan"
    )
    bias, one_exp = signed(kit.format.bias), signed(1)
    zero, one = word(0), word(1)
    unused_bits = word(kit.word_bits - kit.format.precision)
    steps = kit.format.precision + 1
    lead = word(kit.word_bits - 1 - steps)

    def div(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        mag_a, mag_b = word(a & magnitude_mask), word(b & magnitude_mask)
        sign = word((a ^ b) & sign_mask)
        exp_a, sig_a = unpack(mag_a)
        exp_b, sig_b = unpack(mag_b)
        remainder, divisor = word(sig_a >> unused_bits), word(sig_b >> unused_bits)
        less = remainder < divisor
        exp = signed(exp_a - exp_b + bias - (one_exp if less else signed(0)))
        remainder = word(remainder << (one if less else zero))
        quotient = zero
        for _ in range(steps):
            fits = remainder >= divisor
            quotient = word((quotient << one) | (one if fits else zero))
            remainder = word((remainder - (divisor if fits else zero)) << one)
        sig = word((quotient << lead) | (one if remainder != 0 else zero))
        z = round_pack(sign, exp, sig)

        to_zero = (mag_a == 0) | (mag_b == infinity)
        to_infinity = (mag_a == infinity) | (mag_b == 0)
        z = sign if to_zero else z
        z_infinite = default_nan if to_zero else word(sign | infinity)
        z = z_infinite if to_infinity else z
        return propagate(a, b) if (mag_a > infinity) | (mag_b > infinity) else z

    return div
