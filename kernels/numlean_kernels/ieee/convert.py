"""Conversions between formats and from integers (clauses 5.4.1 and 5.4.2)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.formats import BINARY64
from numlean_kernels.ieee.fields import make_unpack
from numlean_kernels.ieee.kit import Kit
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.targets.protocol import Routine


def make_from_binary64(kit: Kit) -> Routine:
    """Return ``from_binary64(a)``: a binary64 encoding rounded once; NaN gives the default NaN."""
    return make_convert(Kit(BINARY64, kit.target), kit)


def make_to_binary64(kit: Kit) -> Routine:
    """Return ``to_binary64(a)``: the exact binary64 encoding; a NaN gives the default NaN.

    Exact for every format that binary64 embeds.
    """
    return make_convert(kit, Kit(BINARY64, kit.target))


def make_convert(source: Kit, result: Kit) -> Routine:
    """Return ``convert(a)``: an encoding of the source format rounded once to the result's."""
    unpack, round_pack = source.routine(make_unpack), result.routine(make_round_pack)
    narrow = _narrow(source, result)
    source_word, word, signed = source.word, result.word, result.signed
    sign_mask, magnitude_mask, source_infinity = source.words(
        "sign_mask", "magnitude_mask", "infinity"
    )
    result_sign, infinity, default_nan, zero = result.words(
        "sign_mask", "infinity", "default_nan", "zero"
    )
    rebias = signed(result.format.bias - source.format.bias)

    def convert(a: Any) -> Any:
        a = source_word(a)
        magnitude = source_word(a & magnitude_mask)
        sign = result_sign if (a & sign_mask) != 0 else zero
        exp, sig = unpack(magnitude)
        z = round_pack(sign, signed(exp + rebias), narrow(sig))
        z = sign if magnitude == 0 else z
        z = word(sign | infinity) if magnitude == source_infinity else z
        return default_nan if magnitude > source_infinity else z

    return convert


def _narrow(source: Kit, result: Kit) -> Routine:
    """``narrow(sig)``: a source word with its leading one on top, as a working significand.

    Bits that the result's word has no room for are jammed.
    """
    word, wider = result.word, max(source, result, key=lambda kit: kit.word_bits).word
    up = wider(max(result.word_bits - source.word_bits, 0))
    down = wider(max(source.word_bits - result.word_bits, 0) + 1)
    zero, one = wider(0), wider(1)

    def narrow(sig: Any) -> Any:
        sig = wider(wider(sig) << up)
        shifted = wider(sig >> down)
        return word(shifted | (one if wider(shifted << down) != sig else zero))

    return source.target.routine(narrow)


def make_from_int64(kit: Kit) -> Routine:
    """Return ``from_int64(n)``: an int64 rounded once."""
    long = Kit(BINARY64, kit.target)
    round_pack, narrow = kit.routine(make_round_pack), _narrow(long, kit)
    long_word, clz, signed = long.word, long.clz, kit.signed
    zero_long, shift_mask = long_word(0), long_word(63)
    top_exp = signed(kit.format.bias + 63)
    sign_mask, zero = kit.words("sign_mask", "zero")

    def from_int64(n: Any) -> Any:
        bits = long_word(n)
        magnitude = long_word(zero_long - bits) if n < 0 else bits
        zeros = clz(magnitude)
        sign = sign_mask if n < 0 else zero
        sig = narrow(long_word(magnitude << (zeros & shift_mask)))
        return zero if n == 0 else round_pack(sign, signed(top_exp - signed(zeros)), sig)

    return from_int64
