"""Sums of products on unpacked numbers: a chain of them that packs and unpacks no encodings.

**Notation.** An *unpacked* number is a pair of signed 32-bit integers: a significand ``sig`` whose
leading one is at bit 27, and a biased exponent ``exp``; the value is sig * 2**(exp - bias - 27). +0
has sig 0 and an exponent far below all others. Every other encoding (-0, subnormals, infinities,
NaNs) is stored in sig unchanged, with an exponent far above all others. A sum may also have sig
+-2**28, rounded up from below.

In two's complement, rounding to nearest, ties to even, works as with a sign and a magnitude: half a
unit less one, and the last kept bit, are added before bits are dropped; so ties of either sign go
to the even neighbour, and all other values to the nearest. Results outside the normal range or in
its last binade, and results of an operand with an exponent far above, are *not known*: the
operations on encodings compute them.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.ieee.add import make_add
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.ieee.mul import make_mul
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine

_LEAD: Final = 27
_MOST_PRECISION: Final = 24
_MOST_WORD_BITS: Final = 32
# The sum of both and any exponent is greater than any exponent.
_FAR_BELOW: Final = -(1 << 13)
_FAR_ABOVE: Final = 1 << 16


def supports_unpacked_sums(builder: RoutineBuilder) -> bool:
    """Return whether these routines exist: to nearest even, up to 24 bits, in words of 32.

    They compute on the encodings as they are stored.
    """
    is_stored = builder.arithmetic.format.is_sign_magnitude
    is_nearest = builder.arithmetic.rounding is Rounding.TIES_TO_EVEN
    is_narrow = builder.format.precision <= _MOST_PRECISION and builder.word_bits <= _MOST_WORD_BITS
    return is_stored and is_nearest and is_narrow


def make_unpack_term(builder: RoutineBuilder) -> Routine:
    """Return ``unpack(a) -> (sig, exp)``: an encoding as an unpacked number."""
    word, signed = builder.word, builder.signed
    magnitude_mask, trailing_mask = builder.words("magnitude_mask", "trailing_mask")
    implicit_bit, max_finite = builder.words("implicit_bit", "max_finite")
    trailing_bits, lead = (
        word(builder.format.trailing_bits),
        word(_LEAD - builder.format.trailing_bits),
    )
    below, above = signed(_FAR_BELOW), signed(_FAR_ABOVE)

    def unpack(a: Any) -> Any:
        a = word(a)
        magnitude = word(a & magnitude_mask)
        sig = signed(word(((magnitude & trailing_mask) | implicit_bit) << lead))
        sig = sig if magnitude == a else signed(-sig)
        exp = signed(magnitude >> trailing_bits)
        is_normal = (magnitude >= implicit_bit) & (magnitude <= max_finite)
        exp = exp if is_normal else (below if a == 0 else above)
        return (sig if is_normal else signed(a)), exp

    return unpack


def make_pack_sum(builder: RoutineBuilder) -> Routine:
    """Return ``pack(sig, exp)``: the encoding of an unpacked number."""
    word = builder.word
    sign_mask, implicit_bit, zero = builder.words("sign_mask", "implicit_bit", "zero")
    trailing_bits, lead = (
        word(builder.format.trailing_bits),
        word(_LEAD - builder.format.trailing_bits),
    )
    above = builder.signed(_FAR_ABOVE)

    def pack(sig: Any, exp: Any) -> Any:
        magnitude = word(word(-sig if sig < 0 else sig) >> lead)
        # The magnitude contains the implicit bit, or twice that: a carry into the exponent.
        magnitude = word(word(word(exp) << trailing_bits) + magnitude - implicit_bit)
        normal = word(magnitude | (sign_mask if sig < 0 else zero))
        return word(sig) if exp == above else (normal if sig != 0 else zero)

    return pack


def make_accumulate(builder: RoutineBuilder) -> Routine:
    """Return ``accumulate(sig_a, exp_a, sig_b, exp_b, sig, exp) -> (sig, exp, is_known)``.

    It adds the product of the first two numbers to the third, which is +0 or an earlier result;
    product and sum are each rounded.
    """
    word, signed, clz, long = builder.word, builder.signed, builder.clz, builder.target.signed(64)
    guard = _LEAD - builder.format.trailing_bits
    # The leading one of a product is at bit 54 or 55 and moves to 55; this is then its last bit.
    product_last = 2 * _LEAD + 1 - builder.format.trailing_bits
    product_half, one = long((1 << (product_last - 1)) - 1), long(1)
    half_high, whole_high = word(1 << 23), word(1 << 24)
    # The leading one of a sum moves to bit 29, two above its final place.
    sum_half = signed((1 << (guard + 1)) - 1)
    kept_mask = signed(-(1 << guard))
    none, unit, farthest = signed(0), signed(1), word(31)
    low, high = signed(-builder.format.bias), signed(1 - builder.format.bias)
    most, below = signed(builder.format.emax + builder.format.bias - 1), signed(_FAR_BELOW)

    def accumulate(sig_a: Any, exp_a: Any, sig_b: Any, exp_b: Any, sig_c: Any, exp_c: Any) -> Any:
        product = long(long(sig_a) * long(sig_b))
        is_low = word((product >> 32) + half_high) < whole_high
        product = long(product << one) if is_low else product
        exp_p = signed(exp_a + exp_b + (low if is_low else high))
        product = long(product + product_half + ((product >> product_last) & one))
        sig_p = signed(signed(product >> product_last) << guard)

        is_p_big = exp_p > exp_c
        exp = exp_p if is_p_big else exp_c
        big, small = (sig_p, sig_c) if is_p_big else (sig_c, sig_p)
        distance = word(exp_p - exp_c) if is_p_big else word(exp_c - exp_p)
        distance = distance if distance < farthest else farthest
        shifted = signed(small >> distance)
        is_inexact = signed(shifted << distance) != small
        total = signed(big + (shifted | (unit if is_inexact else none)))

        zeros = signed(clz(word(total ^ (total >> 31))))
        exp = signed(exp + 4 - zeros)
        sig = signed(total << (word(zeros - 2) & farthest))
        sig = signed(sig + sum_half + ((sig >> (guard + 2)) & unit))
        sig = signed((sig >> 2) & kept_mask)

        is_known = (exp_p <= most) & ((exp_p >= unit) | (sig_p == none))
        is_known &= (exp <= most) & ((exp >= unit) | (total == none))
        return sig, (exp if total != none else below), is_known

    return accumulate


def make_accumulate_by_encodings(builder: RoutineBuilder) -> Routine:
    """Return ``accumulate`` without ``is_known``, computed by the operations on encodings."""
    unpack, pack = builder.routine(make_unpack_term), builder.routine(make_pack_sum)
    add, mul = builder.routine(make_add), builder.routine(make_mul)

    def accumulate(sig_a: Any, exp_a: Any, sig_b: Any, exp_b: Any, sig_c: Any, exp_c: Any) -> Any:
        product, _ = mul(pack(sig_a, exp_a), pack(sig_b, exp_b))
        total, _ = add(pack(sig_c, exp_c), product)
        return unpack(total)

    return accumulate
