"""Conversion to integers (clause 5.8)."""

from __future__ import annotations

import re
from enum import Enum
from functools import cache
from typing import Any, Final

from numlean_kernels.flags import INEXACT, INVALID
from numlean_kernels.formats import BINARY64
from numlean_kernels.ieee.arithmetic import NanRule, Rounding
from numlean_kernels.ieee.convert import BINARY64_EXACTLY, make_to_binary64
from numlean_kernels.ieee.fields import make_unpack
from numlean_kernels.ieee.integral import round_to_integral
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder, routine_builder
from numlean_kernels.protocol import Routine

_WORD: Final = 64
_NAME: Final = re.compile(r"to_(u?)int(8|16|32|64) (\w+)(?: (\w+))?")


class Beyond(Enum):
    """The integer for a value that is not in the range; the flag invalid is raised in each case.

    - ``RULE``: what the processors of the NaN rule give. Under ``x86`` the integer indefinite, the
      least signed or the greatest unsigned integer (Intel SDM, VCVTTPS2DQ and VCVTTPS2UDQ);
      under ``riscv`` the nearest limit, and the greatest integer for a NaN; under ``cuda`` the
      nearest limit, and for a NaN 0, but of binary64 or as an integer of 64 bits the most
      significant bit alone (PTX ISA 9.0, cvt); under the other rules as ``SATURATE``.
    - ``SATURATE``: the nearest limit; 0 for a NaN.
    - ``WRAP``: the rounded value modulo 2**width; 0 for a NaN and for infinities.
    """

    RULE = "rule"
    SATURATE = "saturate"
    WRAP = "wrap"


def integer_name(dtype: str, rounding: str, beyond: str = Beyond.RULE.value) -> str:
    """Return the name of a conversion: ``to_uint8 toward_zero wrap``.

    Args:
        dtype: The integers, such as ``int32`` and ``uint8``.
        rounding: The direction.
        beyond: The value of a ``Beyond``.
    """
    suffix = "" if beyond == Beyond.RULE.value else f" {beyond}"
    return f"to_{dtype} {rounding}{suffix}"


def integer_dtype(name: str) -> str | None:
    """Return the integers that a conversion of that name gives, such as ``uint8``; else None."""
    match = _NAME.fullmatch(name)
    return None if match is None else f"{match[1]}int{match[2]}"


@cache
def integer_maker(name: str) -> Maker:
    """Return the maker of the conversion of a name.

    Raises:
        KeyError: No conversion has the name.
    """
    match = _NAME.fullmatch(name)
    roundings = {r.value: r for r in Rounding if r is not Rounding.STOCHASTIC}
    kinds = {each.value: each for each in Beyond}
    if match is None or match[3] not in roundings or (match[4] or "rule") not in kinds:
        raise KeyError(name)
    beyond = kinds[match[4] or "rule"]
    return to_int(int(match[2]), roundings[match[3]], is_signed=not match[1], beyond=beyond)


@cache
def to_int(
    width: int, rounding: Rounding, *, is_signed: bool = True, beyond: Beyond = Beyond.RULE
) -> Maker:
    """Return the maker of ``to_int(a) -> (n, flags)``: a rounded to an integer of ``width`` bits.

    A NaN and a number beyond the range are invalid (clause 5.8); ``beyond`` selects their integers.
    Otherwise the conversion is inexact if a is not an integer (convertToIntegerExact); a caller
    that drops this flag has convertToInteger.
    """

    def make(builder: RoutineBuilder) -> Routine:
        long = routine_builder(BINARY64_EXACTLY, builder.target)
        whole_of = long.routine(round_to_integral(rounding))
        if beyond is Beyond.WRAP:
            replaced = _wrapped(long, width, is_signed)
        else:
            rule = builder.arithmetic.nan if beyond is Beyond.RULE else None
            replaced = make_limited(builder, width, is_signed, rule)
        return make_conversion(
            builder, width, is_signed, whole_of, builder.target.routine(replaced)
        )

    return make


def make_conversion(
    builder: RoutineBuilder, width: int, is_signed: bool, whole_of: Routine, replaced: Routine
) -> Routine:
    """Return ``to_int(a, *modes) -> (n, flags)``.

    Args:
        builder: The builder of the format of a.
        width: The width of the integers.
        is_signed: Whether they are signed.
        whole_of: ``whole_of(a, *modes) -> (z, flags)`` rounds binary64 to an integer, since
            binary64 holds the integers to which numbers of narrow formats are rounded.
        replaced: ``replaced(negative, is_nan, is_infinite, below, sig, *modes)`` returns the sign
            and the magnitude for what is not in the range.
    """
    long = routine_builder(BINARY64_EXACTLY, builder.target)
    to_binary64, unpack = builder.routine(make_to_binary64), long.routine(make_unpack)
    word, signed, signed_long = long.word, long.signed, builder.target.signed(_WORD)
    magnitude_mask, infinity, sign_mask = long.words("magnitude_mask", "infinity", "sign_mask")
    bias, top, zero = signed(BINARY64.bias), signed(_WORD - 1), signed(0)
    greatest = (1 << (width - is_signed)) - 1
    most, least = word(greatest), word(greatest + 1 if is_signed else 0)
    no_flag, inexact_flag, invalid_flag = (
        builder.word(0),
        builder.word(INEXACT),
        builder.word(INVALID),
    )
    zero_long = signed_long(0)

    def to_int(a: Any, *modes: Any) -> Any:
        exact, _ = to_binary64(a)
        whole, _ = whole_of(exact, *modes)
        magnitude, negative = word(whole & magnitude_mask), (whole & sign_mask) != 0
        exp, sig = unpack(magnitude)
        sig = word(0) if magnitude == 0 else sig
        below = signed(top - signed(exp - bias))
        distance = below if below > zero else zero
        count = word(sig >> word(distance if distance < top else top))
        limit = least if negative else most
        is_beyond = (magnitude != 0) & ((below < zero) | (count > limit))
        is_nan = magnitude > infinity
        minus, other = replaced(negative, is_nan, magnitude == infinity, below, sig, *modes)
        minus, count = (minus if is_beyond else negative), (other if is_beyond else count)
        inexact = inexact_flag if whole != exact else no_flag
        flags = invalid_flag if is_beyond else inexact
        n = signed_long(zero_long - signed_long(count)) if minus else signed_long(count)
        return n, flags

    def to_unsigned(a: Any, *modes: Any) -> Any:
        n, flags = to_signed(a, *modes)
        return word(n), flags

    if is_signed:
        return to_int
    to_signed = builder.target.routine(to_int)
    return to_unsigned


def make_limited(
    builder: RoutineBuilder, width: int, is_signed: bool, rule: NanRule | None
) -> Routine:
    """Return ``limited(negative, is_nan, ...) -> (negative, magnitude)``: an end, or of a NaN."""
    word = routine_builder(BINARY64_EXACTLY, builder.target).word
    half, ones = 1 << (width - 1), (1 << width) - 1
    above, below, of_nan = (half - 1, half, 0) if is_signed else (ones, 0, 0)
    nan_negative, keeps_sign = False, is_signed
    if rule is NanRule.X86:
        above = below = of_nan = half if is_signed else ones
        nan_negative = is_signed
    elif rule is NanRule.RISCV:
        of_nan = above
    elif rule is NanRule.CUDA and (width == _WORD or builder.format.key == BINARY64.key):
        of_nan, nan_negative = half, is_signed
    always_negative = rule is NanRule.X86 and is_signed
    above_word, below_word, nan_word = word(above), word(below), word(of_nan)

    def limited(
        negative: Any, is_nan: Any, is_infinite: Any, below: Any, sig: Any, *modes: Any
    ) -> Any:
        minus = (negative & keeps_sign) | always_negative
        count = below_word if negative else above_word
        return (nan_negative if is_nan else minus), (nan_word if is_nan else count)

    return limited


def _wrapped(long: RoutineBuilder, width: int, is_signed: bool) -> Routine:
    """Return ``wrapped(negative, is_nan, ...) -> (negative, magnitude)``: modulo 2**width."""
    word, signed = long.word, long.signed
    zero, top, zero_word = signed(0), signed(_WORD - 1), word(0)
    mask, half = word((1 << width) - 1), word(1 << (width - 1))
    least_signed = half if is_signed else word((1 << _WORD) - 1)
    can_be_negative = is_signed

    def wrapped(negative: Any, is_nan: Any, is_infinite: Any, below: Any, sig: Any) -> Any:
        left = signed(zero - below)
        left = left if left > zero else zero
        right = below if below > zero else zero
        low = word(word(sig << word(left if left < top else top)) >> word(right))
        low = word(low if left <= top else zero_word)
        low = word(word(zero_word - low if negative else low) & mask)
        minus = (low >= least_signed) & can_be_negative
        magnitude = word(word(zero_word - low) & mask) if minus else low
        undefined = is_nan | is_infinite
        return minus & (not undefined), (zero_word if undefined else magnitude)

    return wrapped
