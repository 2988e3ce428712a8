"""The IEEE remainder (clause 5.3.1), and C's fmod (ISO C 7.12.10.1)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.flags import INVALID
from numlean_kernels.ieee.fields import make_read_operand, make_unpack
from numlean_kernels.ieee.nan import default_nan, make_is_signalling, make_propagate
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine


def make_rem(builder: RoutineBuilder) -> Routine:
    """Return ``rem(a, b) -> (z, flags)``: a - b * n, n the integer nearest a / b, ties to even.

    The result is exact, unless subnormal results are flushed. NaN operands propagate; rem(infinity,
    b) and rem(a, 0) are invalid; rem(a, infinity) is a; a zero result has the sign of a.

    Long division of significands, one bit per step, keeps the remainder R in [0, D) and the last
    bit of the quotient; then R or R - D is nearer to zero. Units are half the last place of b, so
    that an a one binade below b is included.
    """
    return _remainder(builder, "rem", is_nearest=True)


def make_fmod(builder: RoutineBuilder) -> Routine:
    """Return ``fmod(a, b) -> (z, flags)``: a - b * n, n being a / b cut to an integer.

    The result is exact, unless subnormal results are flushed, and has the sign of a. Special
    operands count as those of ``rem``.
    """
    return _remainder(builder, "fmod", is_nearest=False)


def _remainder(builder: RoutineBuilder, name: str, *, is_nearest: bool) -> Routine:
    word, signed, clz = builder.word, builder.signed, builder.clz
    read_operand, unpack = builder.routine(make_read_operand), builder.routine(make_unpack)
    round_pack, propagate = builder.routine(make_round_pack), builder.routine(make_propagate)
    is_signalling, invalid_nan = builder.routine(make_is_signalling), default_nan(builder)
    sign_mask, magnitude_mask, infinity, max_number = builder.words(
        "sign_mask", "magnitude_mask", "infinity", "max_number"
    )
    unused_bits = word(builder.word_bits - builder.format.precision)
    zero, one, shift_mask = word(0), word(1), signed(builder.word_bits - 1)
    # Added to exp_b it gives the exponent of a leading one at bit w-1: a unit of the remainder is
    # half the last place of b.
    unit = signed(builder.word_bits - 1 - builder.format.precision)
    no_flag, invalid_flag = word(0), word(INVALID)

    def rem(a: Any, b: Any) -> Any:
        a, b = read_operand(a), read_operand(b)
        mag_a, mag_b = word(a & magnitude_mask), word(b & magnitude_mask)
        exp_a, sig_a = unpack(mag_a)
        exp_b, sig_b = unpack(mag_b)
        divides = (mag_a != 0) & (mag_a < infinity) & (mag_b != 0) & (mag_b < infinity)
        steps = signed(exp_a - exp_b) if divides else signed(-2)
        divisor = word(word(sig_b >> unused_bits) << one)
        remainder = word(sig_a >> unused_bits)
        odd = zero
        for _ in range(steps + 1):
            remainder = word(remainder << one)
            odd = one if remainder >= divisor else zero
            remainder = word(remainder - (divisor if odd != zero else zero))
        twice = word(remainder << one)
        beyond = ((twice > divisor) | ((twice == divisor) & (odd != zero))) & is_nearest
        sig = word(divisor - remainder) if beyond else remainder
        sign = word((a ^ sign_mask if beyond else a) & sign_mask)
        zeros = signed(clz(sig))
        z, flags = round_pack(
            sign,
            signed(exp_b + unit - zeros),
            word(word(sig << word(zeros & shift_mask)) >> one),
        )
        z = z if sig != 0 else word(a & sign_mask)
        within = divides & (steps >= signed(-1))
        z, flags = (z if within else a), (flags if within & (sig != 0) else no_flag)
        invalid = (mag_a == infinity) | (mag_b == 0)
        z, flags = (invalid_nan if invalid else z), (invalid_flag if invalid else flags)
        signalling = invalid_flag if is_signalling(a) | is_signalling(b) else no_flag
        has_nan = (mag_a > max_number) | (mag_b > max_number)
        return (propagate(a, b) if has_nan else z), (signalling if has_nan else flags)

    rem.__name__ = name
    return rem
