"""Division (clause 5.4.1)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.fields import make_accept, make_unpack
from numlean_kernels.ieee.flags import DIVIDE_BY_ZERO, INVALID
from numlean_kernels.ieee.kit import Kit
from numlean_kernels.ieee.nan import default_nan, make_is_signalling, make_propagate
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_infinite
from numlean_kernels.targets.protocol import Routine


def make_div(kit: Kit) -> Routine:
    """Return ``div(a, b) -> (z, flags)``: a / b rounded once.

    NaN operands propagate; 0/0 and infinity/infinity are invalid; a finite nonzero number over
    zero divides by zero. The quotient comes from restoring division: one bit a
    step, p+1 bits, and a sticky bit from the remainder, so it is exact before rounding.
    """
    word, signed = kit.word, kit.signed
    accept, unpack = kit.routine(make_accept), kit.routine(make_unpack)
    round_pack, infinite = kit.routine(make_round_pack), kit.routine(make_infinite)
    propagate, is_signalling = kit.routine(make_propagate), kit.routine(make_is_signalling)
    invalid_nan = default_nan(kit)
    sign_mask, magnitude_mask, infinity, max_number = kit.words(
        "sign_mask", "magnitude_mask", "infinity", "max_number"
    )
    no_flag, invalid_flag, by_zero_flag = word(0), word(INVALID), word(DIVIDE_BY_ZERO)
    bias, one_exp = signed(kit.format.bias), signed(1)
    zero, one = word(0), word(1)
    unused_bits = word(kit.word_bits - kit.format.precision)
    steps = kit.format.precision + 1
    lead = word(kit.word_bits - 1 - steps)

    def div(a: Any, b: Any) -> Any:
        a, b = accept(a), accept(b)
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
        z, flags = round_pack(sign, exp, sig)

        to_zero = (mag_a == 0) | (mag_b == infinity)
        to_infinity = (mag_a == infinity) | (mag_b == 0)
        z = sign if to_zero else z
        z = (invalid_nan if to_zero else infinite(sign)) if to_infinity else z
        by_zero = by_zero_flag if mag_a < infinity else no_flag
        flags = no_flag if to_zero else flags
        flags = (invalid_flag if to_zero else by_zero) if to_infinity else flags
        signalling = invalid_flag if is_signalling(a) | is_signalling(b) else no_flag
        has_nan = (mag_a > max_number) | (mag_b > max_number)
        return (propagate(a, b) if has_nan else z), (signalling if has_nan else flags)

    return div
