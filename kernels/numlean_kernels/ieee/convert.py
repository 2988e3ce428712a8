"""Conversions between formats and from integers (clauses 5.4.1 and 5.4.2)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, Final

from numlean_kernels.flags import INVALID
from numlean_kernels.formats import BINARY64, Format, format_of_key
from numlean_kernels.ieee.arithmetic import Arithmetic, NanRule
from numlean_kernels.ieee.fields import make_read_operand, make_unpack
from numlean_kernels.ieee.nan import default_nan, make_is_signalling
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_infinite
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder, routine_builder
from numlean_kernels.ieee.stored import make_read_stored
from numlean_kernels.protocol import Routine

BINARY64_EXACTLY: Final = Arithmetic(BINARY64)

_FROM: Final = "from "
_KEEPING: Final = (NanRule.X86, NanRule.ARM)
"""The rules under which a converted NaN keeps its payload."""


def make_from_binary64(builder: RoutineBuilder) -> Routine:
    """Return ``from_binary64(a) -> (z, flags)``: a binary64 encoding rounded once.

    A NaN gives the default NaN under every rule: it enters as the NaN of an invalid operation.
    """
    source = routine_builder(BINARY64_EXACTLY, builder.target)
    return make_convert(source, builder, keeps_payloads=False)


def cast_name(format: Format) -> str:
    """Return the name of the routine that rounds an encoding of a format: ``from e8m7``."""
    return _FROM + format.key


def cast_format_key(name: str) -> str:
    """Return the key of the format whose encodings a routine of that name rounds."""
    return name.removeprefix(_FROM)


def is_cast(name: str) -> bool:
    """Return whether a routine of that name rounds an encoding of some format."""
    return name.startswith(_FROM)


@cache
def cast_maker(name: str) -> Maker:
    """Return the maker of ``cast(a, *random_bits) -> (z, flags)``: an encoding rounded once.

    ``name`` is the ``cast_name`` of the encoding's format. Subnormal operands are numbers, also
    where the arithmetic flushes its own. The operand is an encoding as it is stored, the result is
    one of the builder's format.
    """
    source = Arithmetic(format_of_key(cast_format_key(name)))

    def make_cast(builder: RoutineBuilder) -> Routine:
        from_source = routine_builder(source, builder.target)
        convert = make_convert(from_source, builder)
        if source.format.is_sign_magnitude:
            return convert
        read, convert = from_source.routine(make_read_stored), builder.target.routine(convert)

        def cast(a: Any, *random_bits: Any) -> Any:
            return convert(read(a), *random_bits)

        return cast

    return make_cast


def make_to_binary64(builder: RoutineBuilder) -> Routine:
    """Return ``to_binary64(a) -> (z, flags)``: the exact value; subnormals are never flushed.

    A NaN keeps its payload where the rule of the arithmetic keeps those of converted NaNs.
    """
    rule = builder.arithmetic.nan
    result = replace(BINARY64_EXACTLY, nan=rule) if rule in _KEEPING else BINARY64_EXACTLY
    return make_convert(
        routine_builder(Arithmetic(builder.format), builder.target),
        routine_builder(result, builder.target),
    )


def make_convert(
    source: RoutineBuilder, result: RoutineBuilder, *, keeps_payloads: bool = True
) -> Routine:
    """Return ``convert(a, *random_bits) -> (z, flags)``: an encoding of the source rounded once.

    A NaN gives the default NaN of the result, whatever its payload. Under the rules ``x86`` and
    ``arm`` it keeps its sign and the most significant bits of its payload, and is made quiet, if
    both formats have payloads (Intel SDM, VCVTPS2PH; Arm ARM, FPConvertNaN), unless
    ``keeps_payloads`` is false.
    """
    read_operand, unpack = source.routine(make_read_operand), source.routine(make_unpack)
    is_signalling = source.routine(make_is_signalling)
    round_pack, infinite = result.routine(make_round_pack), result.routine(make_infinite)
    narrow = narrow_between(source, result)
    nan_of = converted_nan(source, result, keeps_payloads)
    source_word, word, signed = source.word, result.word, result.signed
    sign_mask, magnitude_mask, infinity, max_number = source.words(
        "sign_mask", "magnitude_mask", "infinity", "max_number"
    )
    result_sign, zero = result.words("sign_mask", "zero")
    rebias = signed(result.format.bias - source.format.bias)
    no_flag, invalid_flag = word(0), word(INVALID)

    def convert(a: Any, *random_bits: Any) -> Any:
        a = read_operand(a)
        magnitude = source_word(a & magnitude_mask)
        sign = result_sign if (a & sign_mask) != 0 else zero
        exp, sig = unpack(magnitude)
        z, flags = round_pack(sign, signed(exp + rebias), narrow(sig), *random_bits)
        z = infinite(sign) if magnitude == infinity else (sign if magnitude == 0 else z)
        flags = no_flag if (magnitude == 0) | (magnitude == infinity) else flags
        signalling = invalid_flag if is_signalling(a) else no_flag
        is_nan = magnitude > max_number
        return (nan_of(a, sign) if is_nan else z), (signalling if is_nan else flags)

    return convert


def converted_nan(source: RoutineBuilder, result: RoutineBuilder, keeps_payloads: bool) -> Routine:
    """Return ``nan_of(a, sign)``: the NaN of the result for a NaN of the source."""
    nan, word = default_nan(result), result.word
    wider = max(source, result, key=lambda builder: builder.word_bits).word
    distance = result.format.trailing_bits - source.format.trailing_bits
    up, down = wider(max(distance, 0)), wider(max(-distance, 0))
    trailing_mask = wider(source.format.trailing_mask)
    quiet = word(result.format.infinity | result.format.quiet_bit)

    def always_default(a: Any, sign: Any) -> Any:
        return nan

    def kept(a: Any, sign: Any) -> Any:
        payload = wider(wider(wider(wider(a) & trailing_mask) << up) >> down)
        return word(word(sign | quiet) | word(payload))

    have_payloads = not (source.format.has_single_nan or result.format.has_single_nan)
    keeps = keeps_payloads and have_payloads and result.arithmetic.nan in _KEEPING
    return result.target.routine(kept if keeps else always_default)


def make_from_int64(builder: RoutineBuilder) -> Routine:
    """Return ``from_int64(n, *random_bits) -> (z, flags)``: an int64 rounded once."""
    from_magnitude = builder.routine(_make_from_magnitude)
    long = routine_builder(BINARY64_EXACTLY, builder.target).word
    zero_long = long(0)
    sign_mask, zero = builder.words("sign_mask", "zero")

    def from_int64(n: Any, *random_bits: Any) -> Any:
        bits = long(n)
        magnitude = long(zero_long - bits) if n < 0 else bits
        return from_magnitude(sign_mask if n < 0 else zero, magnitude, *random_bits)

    return from_int64


def make_from_uint64(builder: RoutineBuilder) -> Routine:
    """Return ``from_uint64(n, *random_bits) -> (z, flags)``: a uint64 rounded once."""
    from_magnitude = builder.routine(_make_from_magnitude)
    long = routine_builder(BINARY64_EXACTLY, builder.target).word
    (zero,) = builder.words("zero")

    def from_uint64(n: Any, *random_bits: Any) -> Any:
        return from_magnitude(zero, long(n), *random_bits)

    return from_uint64


def _make_from_magnitude(builder: RoutineBuilder) -> Routine:
    """Return ``from_magnitude(sign, n, *random_bits)``: an integer of 64 bits, rounded once."""
    long = routine_builder(BINARY64_EXACTLY, builder.target)
    round_pack, narrow = builder.routine(make_round_pack), narrow_between(long, builder)
    long_word, clz, signed, no_flag = long.word, long.clz, builder.signed, builder.word(0)
    shift_mask, top_exp = long_word(63), signed(builder.format.bias + 63)
    (zero,) = builder.words("zero")

    def from_magnitude(sign: Any, n: Any, *random_bits: Any) -> Any:
        zeros = clz(n)
        sig = narrow(long_word(n << (zeros & shift_mask)))
        z, flags = round_pack(sign, signed(top_exp - signed(zeros)), sig, *random_bits)
        return (zero if n == 0 else z), (no_flag if n == 0 else flags)

    return from_magnitude


def narrow_between(source: RoutineBuilder, result: RoutineBuilder) -> Routine:
    """Return ``narrow(sig)``: a normalised source word as a working significand of the result.

    Bits that do not fit into the word of the result are jammed.
    """
    word, wider = result.word, max(source, result, key=lambda builder: builder.word_bits).word
    up = wider(max(result.word_bits - source.word_bits, 0))
    down = wider(max(source.word_bits - result.word_bits, 0) + 1)
    zero, one = wider(0), wider(1)

    def narrow(sig: Any) -> Any:
        sig = wider(wider(sig) << up)
        shifted = wider(sig >> down)
        return word(shifted | (one if wider(shifted << down) != sig else zero))

    return source.target.routine(narrow)
