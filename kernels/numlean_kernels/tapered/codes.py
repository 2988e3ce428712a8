"""Codes taken apart into sign, exponent and significand, and made from these by one rounding."""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.ieee.fields import make_shift_right_jam as jam_maker
from numlean_kernels.protocol import Routine
from numlean_kernels.tapered.builder import WORD_BITS, TaperedBuilder
from numlean_kernels.tapered.formats import Posit

LEAD: Final = WORD_BITS - 2
"""The place of the leading one of a working significand."""

OF_ZERO: Final = -4096
"""The exponent of an unpacked zero: below that of every number."""

_FRACTION_BITS: Final = 32
"""The bits of a fraction that a code is rounded from: one more than any code has, and a sticky."""


def make_shift_right_jam(builder: TaperedBuilder) -> Routine:
    """Return ``shift_right_jam(sig, n)``: sig >> n, n >= 0; bit 0 is set if a one was lost."""
    return builder.binary64.routine(jam_maker)


def make_magnitude(builder: TaperedBuilder) -> Routine:
    """Return ``magnitude(a)``: the code of |a|; zero and NaR are their own magnitudes."""
    word, zero = builder.word, builder.word(0)
    mask, sign = word(builder.format.code_mask), word(builder.format.nar)

    def magnitude(a: Any) -> Any:
        return word(word(zero - a) & mask) if (a & sign) != zero else a

    return magnitude


def make_unpack(builder: TaperedBuilder) -> Routine:
    """Return ``unpack(m) -> (e, sig)`` of a magnitude's code: its value is sig / 2**62 * 2**e.

    Zero gives ``OF_ZERO`` and 0. NaR gives a meaningless pair.
    """
    is_posit = isinstance(builder.format, Posit)
    split = builder.routine(_make_unpack_posit if is_posit else _make_unpack_takum)
    word, signed, zero = builder.word, builder.signed, builder.word(0)
    lead, two, of_zero = word(1 << LEAD), word(2), signed(OF_ZERO)
    left = word(WORD_BITS - (builder.format.width - 1))

    def unpack(m: Any) -> Any:
        e, fraction = split(word(m << left))
        is_zero = m == zero
        sig = zero if is_zero else word(lead | word(fraction >> two))
        return of_zero if is_zero else e, sig

    return unpack


def _make_unpack_posit(builder: TaperedBuilder) -> Routine:
    """Return ``split(string) -> (e, fraction)``, all strings at the upper end of a word."""
    word, signed, clz = builder.word, builder.signed, builder.clz
    assert isinstance(builder.format, Posit)
    size = builder.format.exponent_size
    top, ones = word(WORD_BITS - 1), word((1 << WORD_BITS) - 1)
    one, zero, long_run = word(1), word(0), word(builder.format.width - 1)
    places, size_word = word(WORD_BITS - 1 - size), word(size)
    scale, one_run = signed(1 << size), signed(1)

    def split(string: Any) -> Any:
        is_large = word(string >> top) != zero
        run = word(clz(word(string ^ ones) if is_large else string))
        run = run if run < long_run else long_run
        length = signed(run)
        k = signed(length - one_run) if is_large else signed(-length)
        rest = word(string << word(run + one))
        exponent = signed(word(word(rest >> one) >> places))
        return signed(k * scale + exponent), word(rest << size_word)

    return split


def _make_unpack_takum(builder: TaperedBuilder) -> Routine:
    """Return ``split(string) -> (e, fraction)``, all strings at the upper end of a word."""
    word, signed = builder.word, builder.signed
    top, regime_places = word(WORD_BITS - 1), word(WORD_BITS - 4)
    one, zero, four, seven = word(1), word(0), word(4), word(7)
    one_exp = signed(1)

    def split(string: Any) -> Any:
        is_large = word(string >> top) != zero
        regime = word(word(string >> regime_places) & seven)
        r = regime if is_large else word(seven - regime)
        rest = word(string << four)
        further = signed(word(word(rest >> one) >> word(top - r)))
        power = signed(word(one << r))
        large = signed(further + power - one_exp)
        small = signed(further + one_exp - power - power)
        return large if is_large else small, word(rest << r)

    return split


def make_pack(builder: TaperedBuilder) -> Routine:
    """Return ``pack(negative, e, sig)``: the code of a nonzero number, rounded once.

    ``negative`` is a truth value. A magnitude above the greatest number becomes that number, one
    below the least becomes the least.
    """
    format, word, signed = builder.format, builder.word, builder.signed
    is_posit = isinstance(format, Posit)
    split = builder.routine(_make_head_of_posit if is_posit else _make_head_of_takum)
    shift_right_jam = builder.routine(make_shift_right_jam)
    zero, one = word(0), word(1)
    fraction_mask, drop = word((1 << LEAD) - 1), word(LEAD - _FRACTION_BITS)
    fraction_bits, length = word(_FRACTION_BITS), word(format.width - 1)
    mask, greatest = word(format.code_mask), word(format.greatest)
    bottom, limit = signed(format.least_exponent), signed(format.exponent_limit)
    last = signed(format.exponent_limit - 1)

    def pack(negative: Any, e: Any, sig: Any) -> Any:
        within = last if e > last else (bottom if e < bottom else e)
        head, head_bits, exponent, exponent_bits = split(within)
        fraction = shift_right_jam(word(sig & fraction_mask), drop)
        tail = word(word(exponent << fraction_bits) | fraction)
        room = word(length - head_bits)
        cut = word(exponent_bits + fraction_bits - room)
        code = word(word(head << room) | word(tail >> cut))
        rest = word(tail & word(word(one << cut) - one))
        half = word(one << word(cut - one))
        up = (rest > half) | ((rest == half) & (word(code & one) != zero))
        code = word(code + one) if up else code
        code = greatest if (code > greatest) | (e >= limit) else code
        code = one if (code == zero) | (e < bottom) else code
        return word(word(zero - code) & mask) if negative else code

    return pack


def _make_head_of_posit(builder: TaperedBuilder) -> Routine:
    """Return ``split(e) -> (head, its bits, exponent, its bits)`` below the greatest exponent."""
    word, signed = builder.word, builder.signed
    assert isinstance(builder.format, Posit)
    size = builder.format.exponent_size
    shift, low, size_word = signed(size), signed((1 << size) - 1), word(size)
    one, two, zero_exp, one_exp = word(1), word(2), signed(0), signed(1)

    def split(e: Any) -> Any:
        k = signed(e >> shift)
        is_large = k >= zero_exp
        run = word(signed(k + one_exp) if is_large else signed(-k))
        ones = word(word(one << word(run + one)) - two)
        return ones if is_large else one, word(run + one), word(signed(e & low)), size_word

    return split


def _make_head_of_takum(builder: TaperedBuilder) -> Routine:
    """Return ``split(e) -> (head, its bits, exponent, its bits)`` of every exponent."""
    word, signed, clz = builder.word, builder.signed, builder.clz
    one, four, seven, eight = word(1), word(4), word(7), word(8)
    top, zero_exp, one_exp = word(WORD_BITS - 1), signed(0), signed(1)

    def split(e: Any) -> Any:
        is_large = e >= zero_exp
        magnitude = word(signed(e + one_exp) if is_large else signed(-e))
        r = word(top - word(clz(magnitude)))
        power = word(one << r)
        # In the first case c + 1 - 2**r; in the second c - 1 + 2**(r + 1).
        exponent = word(magnitude - power) if is_large else word(power + power - magnitude - one)
        return word(eight | r) if is_large else word(seven - r), four, exponent, r

    return split
