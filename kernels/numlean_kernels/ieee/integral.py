"""Rounding to an integer in the format, and scaling by powers of two (clauses 5.3.1 and 5.3.3)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from numlean_kernels.flags import DIVIDE_BY_ZERO, INVALID
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.ieee.convert import make_from_int64
from numlean_kernels.ieee.fields import make_accept, make_shift_right_jam, make_unpack
from numlean_kernels.ieee.nan import make_is_signalling, make_propagate
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_increment, make_infinite
from numlean_kernels.ieee.routine_builder import Kit, Maker, kit_of
from numlean_kernels.protocol import Routine


@cache
def round_to_integral(rounding: Rounding) -> Maker:
    """The maker of ``round_to_integral(a) -> (z, flags)`` in a direction of its own.

    z is an integer, with the sign of a if zero. Infinities are themselves; a NaN propagates. The
    inexact flag is not raised (clause 5.9).
    """

    def make(kit: Kit) -> Routine:
        word, signed, clz = kit.word, kit.signed, kit.clz
        accept, unpack = kit.routine(make_accept), kit.routine(make_unpack)
        round_pack, propagate = kit.routine(make_round_pack), kit.routine(make_propagate)
        is_signalling = kit.routine(make_is_signalling)
        shift_right_jam = kit.routine(make_shift_right_jam)
        directed = kit_of(replace(kit.arithmetic, rounding=rounding), kit.target)
        increment = directed.routine(make_increment)
        sign_mask, magnitude_mask, infinity, max_number = kit.words(
            "sign_mask", "magnitude_mask", "infinity", "max_number"
        )
        guard_bits, zero, one = word(kit.guard_bits), word(0), word(1)
        farthest = signed(kit.word_bits)
        no_flag, invalid_flag = word(0), word(INVALID)
        # The biased exponent of a number whose last significant bit is worth one.
        whole_exp = signed(kit.format.bias + kit.format.trailing_bits)
        lead, zero_exp = signed(kit.word_bits - 1), signed(0)
        whole_lead, shift_mask = signed(kit.format.bias), signed(kit.word_bits - 1)

        def round_to_integral(a: Any) -> Any:
            a = accept(a)
            magnitude, sign = word(a & magnitude_mask), word(a & sign_mask)
            exp, sig = unpack(magnitude)
            below = signed(whole_exp - exp)
            below = below if below > zero_exp else zero_exp
            sig = shift_right_jam(word(sig >> one), word(below if below < farthest else farthest))
            whole = word(word(sig + increment(sign, sig, zero)) >> guard_bits)
            zeros = signed(clz(whole))
            normal = word(word(whole << word(zeros & shift_mask)) >> one)
            z, _ = round_pack(sign, signed(whole_lead + lead - zeros), normal, zero)
            z = z if whole != 0 else sign
            z = a if (exp >= whole_exp) | (magnitude == 0) | (magnitude == infinity) else z
            is_nan = magnitude > max_number
            signalling = invalid_flag if is_signalling(a) else no_flag
            return (propagate(a, a) if is_nan else z), (signalling if is_nan else no_flag)

        return round_to_integral

    return make


def make_scale_b(kit: Kit) -> Routine:
    """Return ``scale_b(a, n, noise) -> (z, flags)``: a * 2**n for an integer n, rounded once.

    Zeros and infinities are themselves; a NaN propagates.
    """
    word, signed = kit.word, kit.signed
    accept, unpack = kit.routine(make_accept), kit.routine(make_unpack)
    round_pack, propagate = kit.routine(make_round_pack), kit.routine(make_propagate)
    is_signalling = kit.routine(make_is_signalling)
    sign_mask, magnitude_mask, infinity, max_number = kit.words(
        "sign_mask", "magnitude_mask", "infinity", "max_number"
    )
    one, no_flag, invalid_flag = word(1), word(0), word(INVALID)
    # No finite nonzero number stays in range beyond.
    most = 4 * (kit.format.bias + kit.format.precision)

    def scale_b(a: Any, n: Any, noise: Any) -> Any:
        a = accept(a)
        magnitude = word(a & magnitude_mask)
        exp, sig = unpack(magnitude)
        shift = signed(most if n > most else (-most if n < -most else n))
        z, flags = round_pack(word(a & sign_mask), signed(exp + shift), word(sig >> one), noise)
        special = (magnitude == 0) | (magnitude == infinity)
        z, flags = (a if special else z), (no_flag if special else flags)
        is_nan = magnitude > max_number
        signalling = invalid_flag if is_signalling(a) else no_flag
        return (propagate(a, a) if is_nan else z), (signalling if is_nan else flags)

    return scale_b


def make_log_b(kit: Kit) -> Routine:
    """Return ``log_b(a) -> (z, flags)``: the exponent of a as a number of the format, rounded once.

    A subnormal number counts as if it were normalised; log_b(+-0) is -infinity and divides by
    zero; log_b(+-infinity) is +infinity; a NaN propagates.
    """
    word, signed = kit.word, kit.signed
    accept, unpack = kit.routine(make_accept), kit.routine(make_unpack)
    propagate, is_signalling = kit.routine(make_propagate), kit.routine(make_is_signalling)
    from_int64, infinite = kit.routine(make_from_int64), kit.routine(make_infinite)
    sign_mask, magnitude_mask, infinity, max_number = kit.words(
        "sign_mask", "magnitude_mask", "infinity", "max_number"
    )
    bias, zero = signed(kit.format.bias), word(0)
    no_flag, invalid_flag, by_zero_flag = word(0), word(INVALID), word(DIVIDE_BY_ZERO)
    signed_long = kit.target.signed(64)

    def log_b(a: Any) -> Any:
        a = accept(a)
        magnitude = word(a & magnitude_mask)
        exp, _ = unpack(magnitude)
        z, flags = from_int64(signed_long(exp - bias))
        z = infinite(zero) if magnitude == infinity else z
        z = infinite(sign_mask) if magnitude == 0 else z
        flags = no_flag if magnitude == infinity else flags
        flags = by_zero_flag if magnitude == 0 else flags
        is_nan = magnitude > max_number
        signalling = invalid_flag if is_signalling(a) else no_flag
        return (propagate(a, a) if is_nan else z), (signalling if is_nan else flags)

    return log_b
