"""Conversions to and from small formats through the encodings of a hardware format."""

from __future__ import annotations

from typing import Any

from numlean_kernels.formats import BINARY64, Format
from numlean_kernels.ieee.arithmetic import Arithmetic, NanRule
from numlean_kernels.ieee.convert import converted_nan
from numlean_kernels.ieee.nan import default_nan
from numlean_kernels.ieee.stored import make_read_stored
from numlean_kernels.protocol import Routine
from numlean_kernels.widened.builder import WideBuilder, wide_builder
from numlean_kernels.widened.conditions import WIDE, can_round
from numlean_kernels.widened.conversion import (
    make_infinite_of,
    make_narrow,
    make_widen,
    overflow_is_infinite,
)

_KEEPING = (NanRule.X86, NanRule.ARM)


def wide_format_of_cast(arithmetic: Arithmetic, source: Format) -> Format | None:
    """Return the fastest hardware format that has the numbers of two formats; None if none has."""
    return next(
        (w for w in WIDE if can_round(arithmetic, w) and _carries(source, w)),
        None,
    )


def _carries(source: Format, wide: Format) -> bool:
    return source.key == wide.key or can_round(Arithmetic(source), wide)


def make_from_binary64(builder: WideBuilder) -> Routine:
    """Return ``from_binary64(a)``: a binary64 encoding rounded; the default NaN for a NaN."""
    word, nan, round_number = builder.word, default_nan(builder), builder.routine(_make_round)
    magnitude_mask, infinity = word(BINARY64.magnitude_mask), word(BINARY64.infinity)

    def from_binary64(a: Any) -> Any:
        a = word(a)
        return nan if word(a & magnitude_mask) > infinity else round_number(a)

    return from_binary64


def make_to_binary64(builder: WideBuilder) -> Routine:
    """Return ``to_binary64(a)``: the exact value; a NaN gives binary64's default NaN."""
    source = wide_builder(Arithmetic(builder.arithmetic.format), builder.target, BINARY64)
    widen, read = source.routine(make_widen), source.routine(make_read_stored)
    word = source.word
    magnitude_mask, infinity = word(BINARY64.magnitude_mask), word(BINARY64.infinity)
    nan = word(BINARY64.default_nan)

    def to_binary64(a: Any) -> Any:
        z = widen(read(a))
        return nan if word(z & magnitude_mask) > infinity else z

    return to_binary64


def make_cast(builder: WideBuilder, source: Format) -> Routine:
    """Return ``cast(a)``: an encoding of the source rounded once.

    NaNs and subnormal operands are as in :func:`numlean_kernels.ieee.convert.make_convert`.
    """
    wide, word = builder.wide, builder.word
    from_source = wide_builder(Arithmetic(source), builder.target, wide)
    widen, read = from_source.routine(make_widen), from_source.routine(make_read_stored)
    round_number, nan_of = (
        builder.routine(_make_round),
        converted_nan(from_source, builder, keeps_payloads=True),
    )
    magnitude_mask, infinity = word(wide.magnitude_mask), word(wide.infinity)
    down_sign = word(wide.width - builder.format.width)
    (sign_mask,) = builder.words("sign_mask")

    def cast(a: Any) -> Any:
        a = read(a)
        z = widen(a)
        nan = nan_of(a, word(word(z >> down_sign) & sign_mask))
        return nan if word(z & magnitude_mask) > infinity else round_number(z)

    return cast


def make_carry(builder: WideBuilder) -> Routine:
    """Return ``carry(a)``: an encoding as a hardware float of the same value."""
    widen, read, real = builder.routine(make_widen), builder.routine(make_read_stored), builder.real

    def carry(a: Any) -> Any:
        return real(widen(read(a)))

    return carry


def make_uncarry(builder: WideBuilder) -> Routine:
    """Return ``uncarry(x)``: the encoding of a hardware float that is a number of the format."""
    narrow, encoding = builder.routine(make_narrow), builder.encoding

    def uncarry(x: Any) -> Any:
        return narrow(encoding(x))

    return uncarry


def _make_round(builder: WideBuilder) -> Routine:
    """Return ``round_number(a)``: a wide encoding that is no NaN, rounded once."""
    narrow, infinite_of = builder.routine(make_narrow), builder.routine(make_infinite_of)
    word, infinity = builder.word, builder.word(builder.wide.infinity)
    magnitude_mask, is_same = word(builder.wide.magnitude_mask), overflow_is_infinite(builder)

    def round_number(a: Any) -> Any:
        z = narrow(a)
        if is_same:
            return z
        return infinite_of(a) if word(a & magnitude_mask) == infinity else z

    return round_number


def keeps_no_payloads(arithmetic: Arithmetic) -> bool:
    """Return whether a NaN that is converted to binary64 gives the default NaN."""
    return arithmetic.nan not in _KEEPING
