"""Conversions from and to binary64 encodings, and from integers and other formats."""

from __future__ import annotations

from functools import cache
from typing import Any

from numlean_kernels.fixed.builder import FixedBuilder, Maker
from numlean_kernels.fixed.counts import make_count, make_settle_shifted, make_size
from numlean_kernels.flags import INEXACT, INVALID, OVERFLOW
from numlean_kernels.formats import BINARY64, format_of_key
from numlean_kernels.ieee.arithmetic import Arithmetic
from numlean_kernels.ieee.convert import cast_format_key
from numlean_kernels.ieee.convert import make_to_binary64 as from_encoding
from numlean_kernels.ieee.fields import make_unpack
from numlean_kernels.ieee.routine_builder import routine_builder
from numlean_kernels.protocol import Routine


def make_from_binary64(builder: FixedBuilder) -> Routine:
    """Return ``from_binary64(a) -> (z, flags)``: a binary64 encoding rounded once.

    An infinity gives the greatest number of its sign, and overflows; a NaN gives 0, and is invalid.
    """
    word, long, unpack = builder.word, builder.long, builder.binary64.routine(make_unpack)
    settle_shifted, zero = builder.routine(make_settle_shifted), word(0)
    sign, magnitude_mask, infinity = builder.binary64.words(
        "sign_mask", "magnitude_mask", "infinity"
    )
    # A significand has its leading one at bit 62.
    unit, one = long(BINARY64.bias + 62 - builder.format.fraction_bits), word(1)
    greatest, least = word(builder.format.greatest), word(builder.format.sign_mask)
    overflow, invalid = word(OVERFLOW | INEXACT), word(INVALID)

    def from_binary64(a: Any) -> Any:
        a = word(a)
        magnitude, negative = word(a & magnitude_mask), word(a & sign) != zero
        exp, sig = unpack(magnitude)
        sig = zero if magnitude == zero else word(sig >> one)
        z, flags = settle_shifted(negative, sig, long(unit - long(exp)))
        z = (least if negative else greatest) if magnitude == infinity else z
        flags = overflow if magnitude == infinity else flags
        is_nan = magnitude > infinity
        return (zero if is_nan else z), (invalid if is_nan else flags)

    return from_binary64


def make_to_binary64(builder: FixedBuilder) -> Routine:
    """Return ``to_binary64(a) -> (z, flags)``: the exact value as an encoding."""
    word, long, clz = builder.word, builder.long, builder.clz
    count, size = builder.routine(make_count), builder.routine(make_size)
    zero, one, trailing_bits = word(0), word(1), word(BINARY64.trailing_bits)
    lead = long(BINARY64.bias + 63 - builder.format.fraction_bits)
    minus, top = word(BINARY64.sign_mask), word(63 - BINARY64.trailing_bits)
    trailing_mask = word(BINARY64.trailing_mask)

    def to_binary64(a: Any) -> Any:
        x = count(a)
        m = size(x)
        zeros = word(clz(m if m != zero else one))
        fraction = word(word(word(m << zeros) >> top) & trailing_mask)
        field = word(word(long(lead - long(zeros))) << trailing_bits)
        z = word(field | fraction)
        return (zero if m == zero else (word(z | minus) if x < 0 else z)), zero

    return to_binary64


def make_from_int64(builder: FixedBuilder) -> Routine:
    """Return ``from_int64(n) -> (z, flags)``: an int64 rounded once."""
    long, size = builder.long, builder.routine(make_size)
    settle_shifted = builder.routine(make_settle_shifted)
    places = long(-builder.format.fraction_bits)

    def from_int64(n: Any) -> Any:
        return settle_shifted(n < 0, size(n), places)

    return from_int64


@cache
def cast_maker(name: str) -> Maker:
    """Return the maker of ``cast(a) -> (z, flags)``: an encoding of another format, rounded once.

    ``name`` is the ``ieee.convert.cast_name`` of that format, all of whose numbers binary64 has.
    """
    source = Arithmetic(format_of_key(cast_format_key(name)))

    def make_cast(builder: FixedBuilder) -> Routine:
        widen = routine_builder(source, builder.target).routine(from_encoding)
        from_binary64 = builder.routine(make_from_binary64)

        def cast(a: Any) -> Any:
            return from_binary64(widen(a)[0])

        return cast

    return make_cast
