"""The only place where a result is rounded (clauses 4.3, 7.4 and 7.5)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.flags import INEXACT, OVERFLOW, UNDERFLOW
from numlean_kernels.ieee.arithmetic import Subnormal, Tininess
from numlean_kernels.ieee.fields import make_shift_right_jam
from numlean_kernels.ieee.rounding import make_increment, make_mark_parity, make_overflowed
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine


def make_round_pack(builder: RoutineBuilder) -> Routine:
    """Return ``round_pack(sign, exp, sig, *random_bits) -> (z, flags)`` for a working significand.

    ``sign`` is a word with the sign bit in place; the exact result is sig / 2**(w-2) * 2**(exp -
    bias), where bit 0 of sig is sticky. Results below the normal range are denormalised first, so
    that they are rounded once. sig 0 gives a zero of that sign if exp <= 1. ``random_bits`` is a
    word for stochastic rounding, and absent for all other directions.
    """
    word, signed = builder.word, builder.signed
    shift_right_jam, is_tiny = builder.routine(make_shift_right_jam), builder.routine(make_is_tiny)
    increment, overflowed = builder.routine(make_increment), builder.routine(make_overflowed)
    mark_parity = builder.routine(make_mark_parity)
    one, farthest = signed(1), signed(builder.word_bits)
    beyond = signed(builder.format.exponent_limit + 1)
    guard_bits, trailing_bits = word(builder.guard_bits), word(builder.format.trailing_bits)
    max_finite, zero = builder.words("max_finite", "zero")
    inexact_flag, no_flag = word(INEXACT), word(0)
    underflow_flag, overflow_flags = word(UNDERFLOW), word(OVERFLOW | INEXACT)
    lost_mask = word((1 << builder.guard_bits) - 1)
    flushes = builder.arithmetic.subnormal is Subnormal.FLUSH

    def round_pack(sign: Any, exp: Any, sig: Any, *random_bits: Any) -> Any:
        tiny = is_tiny(sign, exp, sig, *random_bits)
        below = signed(one - exp)
        below = below if below > 0 else signed(0)
        sig = shift_right_jam(sig, word(below if below < farthest else farthest))
        exp = exp if exp > one else one
        exp = exp if exp < beyond else beyond
        added = increment(sign, mark_parity(exp, sig), *random_bits)
        kept = word(word(sig + added) >> guard_bits)
        # kept contains the implicit bit of a normal number, which adds the 1 subtracted from exp; a
        # carry out of the significand increments the exponent field.
        magnitude = word(word(word(exp - one) << trailing_bits) + kept)
        too_great = magnitude > max_finite
        z = overflowed(sign) if too_great else word(sign | magnitude)
        inexact = word(sig & lost_mask) != 0
        flags = word(inexact_flag if inexact else no_flag)
        flags = word(flags | (underflow_flag if tiny & inexact else no_flag))
        return z, (overflow_flags if too_great else flags)

    def round_pack_flushing(sign: Any, exp: Any, sig: Any, *random_bits: Any) -> Any:
        z, flags = keep(sign, exp, sig, *random_bits)
        tiny = is_tiny(sign, exp, sig, *random_bits) & (sig != zero)
        return (sign if tiny else z), (word(underflow_flag | inexact_flag) if tiny else flags)

    if not flushes:
        return round_pack
    keep = builder.target.routine(round_pack)
    return round_pack_flushing


def make_is_tiny(builder: RoutineBuilder) -> Routine:
    """Return ``is_tiny(sign, exp, sig, *random_bits)``: whether a result is below the normal range.

    Before rounding: its exponent is less than emin. After rounding: it would still be less if the
    result were rounded to full precision with unbounded exponent.
    """
    word, one, zero = builder.word, builder.signed(1), builder.signed(0)
    increment, carry = builder.routine(make_increment), builder.word(1 << (builder.word_bits - 1))
    mark_parity = builder.routine(make_mark_parity)

    def before(sign: Any, exp: Any, sig: Any, *random_bits: Any) -> Any:
        return exp < one

    def after(sign: Any, exp: Any, sig: Any, *random_bits: Any) -> Any:
        stays = word(sig + increment(sign, mark_parity(exp, sig), *random_bits)) < carry
        return (exp < zero) | ((exp == zero) & stays)

    return before if builder.arithmetic.tininess is Tininess.BEFORE else after
