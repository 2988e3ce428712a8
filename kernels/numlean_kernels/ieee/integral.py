"""Rounding to an integer in the format, and scaling by powers of two (clauses 5.3.1 and 5.3.3)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from numlean_kernels.flags import DIVIDE_BY_ZERO, INEXACT, INVALID
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.ieee.convert import make_from_int64
from numlean_kernels.ieee.fields import make_read_operand, make_shift_right_jam, make_unpack
from numlean_kernels.ieee.nan import make_is_signalling, make_propagate
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_increment, make_infinite
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder, routine_builder
from numlean_kernels.protocol import Routine


@cache
def round_to_integral(rounding: Rounding | None, *, is_exact: bool = False) -> Maker:
    """Return the maker of ``round_to_integral(a) -> (z, flags)`` in the given direction.

    Without one the direction is the builder's, which may take it from operands after a.

    z is an integer, with the sign of a if it is zero. Infinities remain, unless the arithmetic
    saturates; a NaN propagates. The inexact flag is raised with ``is_exact`` only
    (roundToIntegralExact, clause 5.9).
    """

    def make(builder: RoutineBuilder) -> Routine:
        word, signed, clz = builder.word, builder.signed, builder.clz
        read_operand, unpack = builder.routine(make_read_operand), builder.routine(make_unpack)
        round_pack, propagate = builder.routine(make_round_pack), builder.routine(make_propagate)
        is_signalling, infinite = (
            builder.routine(make_is_signalling),
            builder.routine(make_infinite),
        )
        shift_right_jam = builder.routine(make_shift_right_jam)
        increment = _directed(builder, rounding).routine(make_increment)
        sign_mask, magnitude_mask, infinity, max_number = builder.words(
            "sign_mask", "magnitude_mask", "infinity", "max_number"
        )
        guard_bits, one = word(builder.guard_bits), word(1)
        farthest = signed(builder.word_bits)
        no_flag, invalid_flag = word(0), word(INVALID)
        inexact_flag = word(INEXACT if is_exact else 0)
        lost_mask = word((1 << builder.guard_bits) - 1)
        has_zero = builder.arithmetic.format.has_zero
        # The biased exponent of a number whose last significant bit has the value 1.
        whole_exp = signed(builder.format.bias + builder.format.trailing_bits)
        lead, zero_exp = signed(builder.word_bits - 1), signed(0)
        whole_lead, shift_mask = signed(builder.format.bias), signed(builder.word_bits - 1)

        def round_to_integral(a: Any, *modes: Any) -> Any:
            a = read_operand(a)
            magnitude, sign = word(a & magnitude_mask), word(a & sign_mask)
            exp, sig = unpack(magnitude)
            below = signed(whole_exp - exp)
            below = below if below > zero_exp else zero_exp
            sig = shift_right_jam(word(sig >> one), word(below if below < farthest else farthest))
            whole = word(word(sig + increment(sign, sig, *modes)) >> guard_bits)
            zeros = signed(clz(whole))
            normal = word(word(whole << word(zeros & shift_mask)) >> one)
            z, _ = round_pack(sign, signed(whole_lead + lead - zeros), normal, *modes)
            z = z if whole != 0 else sign
            z = a if (exp >= whole_exp) | (magnitude == 0) else z
            is_inexact = (word(sig & lost_mask) != 0) & (magnitude < infinity)
            is_inexact = is_inexact & (has_zero | (whole != 0))  # without a zero it is invalid
            inexact = inexact_flag if is_inexact else no_flag
            z = infinite(sign) if magnitude == infinity else z
            is_nan = magnitude > max_number
            signalling = invalid_flag if is_signalling(a) else no_flag
            return (propagate(a, a) if is_nan else z), (signalling if is_nan else inexact)

        return round_to_integral

    return make


def _directed(builder: RoutineBuilder, rounding: Rounding | None) -> RoutineBuilder:
    if rounding is None:
        return builder
    return routine_builder(replace(builder.arithmetic, rounding=rounding), builder.target)


def make_scaleb(builder: RoutineBuilder) -> Routine:
    """Return ``scaleb(a, n, *random_bits) -> (z, flags)``: a * 2**n for an integer n, rounded once.

    Zeros remain, and infinities, unless the arithmetic saturates; a NaN propagates.
    """
    word, signed = builder.word, builder.signed
    read_operand, unpack = builder.routine(make_read_operand), builder.routine(make_unpack)
    round_pack, propagate = builder.routine(make_round_pack), builder.routine(make_propagate)
    is_signalling, infinite = builder.routine(make_is_signalling), builder.routine(make_infinite)
    sign_mask, magnitude_mask, infinity, max_number = builder.words(
        "sign_mask", "magnitude_mask", "infinity", "max_number"
    )
    one, no_flag, invalid_flag = word(1), word(0), word(INVALID)
    # Scaling by more takes every finite nonzero number out of range.
    most = 4 * (builder.format.bias + builder.format.precision)

    def scaleb(a: Any, n: Any, *random_bits: Any) -> Any:
        a = read_operand(a)
        magnitude = word(a & magnitude_mask)
        exp, sig = unpack(magnitude)
        shift = signed(most if n > most else (-most if n < -most else n))
        sign = word(a & sign_mask)
        z, flags = round_pack(sign, signed(exp + shift), word(sig >> one), *random_bits)
        z = infinite(sign) if magnitude == infinity else (a if magnitude == 0 else z)
        flags = no_flag if (magnitude == 0) | (magnitude == infinity) else flags
        is_nan = magnitude > max_number
        signalling = invalid_flag if is_signalling(a) else no_flag
        return (propagate(a, a) if is_nan else z), (signalling if is_nan else flags)

    return scaleb


def make_logb(builder: RoutineBuilder) -> Routine:
    """Return ``logb(a) -> (z, flags)``: the exponent of a as a number of the format, rounded once.

    A subnormal number counts as if it were normalised; logb(+-0) is -infinity and raises divide by
    zero; logb(+-infinity) is +infinity; a NaN propagates.
    """
    word, signed = builder.word, builder.signed
    read_operand, unpack = builder.routine(make_read_operand), builder.routine(make_unpack)
    propagate, is_signalling = builder.routine(make_propagate), builder.routine(make_is_signalling)
    from_int64, infinite = builder.routine(make_from_int64), builder.routine(make_infinite)
    sign_mask, magnitude_mask, infinity, max_number = builder.words(
        "sign_mask", "magnitude_mask", "infinity", "max_number"
    )
    bias, zero = signed(builder.format.bias), word(0)
    no_flag, invalid_flag, by_zero_flag = word(0), word(INVALID), word(DIVIDE_BY_ZERO)
    signed_long = builder.target.signed(64)

    def logb(a: Any) -> Any:
        a = read_operand(a)
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

    return logb
