"""Conversions from and to binary64 encodings, and from integers and other formats."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from numlean_kernels.formats import BINARY64, format_of_key
from numlean_kernels.ieee.arithmetic import Arithmetic
from numlean_kernels.ieee.convert import cast_format_key
from numlean_kernels.ieee.convert import make_to_binary64 as from_encoding
from numlean_kernels.ieee.fields import make_unpack as unpack_maker
from numlean_kernels.ieee.routine_builder import routine_builder
from numlean_kernels.protocol import Routine
from numlean_kernels.tapered.builder import WORD_BITS, Maker, TaperedBuilder
from numlean_kernels.tapered.codes import (
    LEAD,
    make_magnitude,
    make_pack,
    make_shift_right_jam,
    make_unpack,
)

_QUIET_NAN: Final = BINARY64.default_nan


def make_from_binary64(builder: TaperedBuilder) -> Routine:
    """Return ``from_binary64(a)``: a binary64 encoding rounded once.

    Both zeros give zero, infinities and NaNs give NaR.
    """
    word, signed, unpack = builder.word, builder.signed, builder.binary64.routine(unpack_maker)
    pack, one, zero = builder.routine(make_pack), word(1), word(0)
    sign, magnitude_mask, infinity = builder.binary64.words(
        "sign_mask", "magnitude_mask", "infinity"
    )
    bias, nar = signed(BINARY64.bias), word(builder.format.nar)

    def from_binary64(a: Any) -> Any:
        a = word(a)
        magnitude = word(a & magnitude_mask)
        exp, sig = unpack(magnitude)
        z = pack((a & sign) != zero, signed(exp - bias), word(sig >> one))
        return nar if magnitude >= infinity else (zero if magnitude == zero else z)

    return from_binary64


def make_to_binary64(builder: TaperedBuilder) -> Routine:
    """Return ``to_binary64(a)``: the exact value as an encoding; a quiet NaN for NaR."""
    word, signed, unpack = builder.word, builder.signed, builder.routine(make_unpack)
    magnitude, zero, nar = (
        builder.routine(make_magnitude),
        word(0),
        word(builder.format.nar),
    )
    bias, places = signed(BINARY64.bias), word(BINARY64.trailing_bits)
    fraction_mask, drop = word((1 << LEAD) - 1), word(LEAD - BINARY64.trailing_bits)
    minus, nan = word(BINARY64.sign_mask), word(_QUIET_NAN)

    def to_binary64(a: Any) -> Any:
        a = word(a)
        e, sig = unpack(magnitude(a))
        field = word(word(signed(e + bias)) << places)
        number = word(field | word(word(sig & fraction_mask) >> drop))
        number = word(number | minus) if (a & nar) != zero else number
        return nan if a == nar else (zero if a == zero else number)

    return to_binary64


def make_from_int64(builder: TaperedBuilder) -> Routine:
    """Return ``from_int64(n)``: an int64 rounded once."""
    word, signed, clz = builder.word, builder.signed, builder.clz
    shift_right_jam, pack = builder.routine(make_shift_right_jam), builder.routine(make_pack)
    zero, one, top = word(0), word(1), signed(WORD_BITS - 1)

    def from_int64(n: Any) -> Any:
        bits = word(n)
        size = word(zero - bits) if n < 0 else bits
        zeros = word(clz(size if size != zero else one))
        sig = shift_right_jam(word(size << zeros), one)
        z = pack(n < 0, signed(top - signed(zeros)), sig)
        return zero if size == zero else z

    return from_int64


@cache
def cast_maker(name: str) -> Maker:
    """Return the maker of ``cast(a)``: an encoding of another format, rounded once.

    ``name`` is the ``ieee.convert.cast_name`` of that format, all of whose numbers binary64 has.
    """
    source = Arithmetic(format_of_key(cast_format_key(name)))

    def make_cast(builder: TaperedBuilder) -> Routine:
        widen = routine_builder(source, builder.target).routine(from_encoding)
        from_binary64 = builder.routine(make_from_binary64)

        def cast(a: Any) -> Any:
            return from_binary64(widen(a)[0])

        return cast

    return make_cast
