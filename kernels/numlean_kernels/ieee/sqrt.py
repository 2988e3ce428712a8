"""Square root (clause 5.4.1)."""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.flags import INVALID
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.ieee.fields import make_read_operand, make_unpack
from numlean_kernels.ieee.nan import default_nan, make_is_signalling, make_propagate
from numlean_kernels.ieee.reciprocal_root import make_reciprocal_root
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_infinite
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine

_ROOT_BITS: Final = {32: 24, 64: 53}
"""Bits after the leading one of the computed root, by the width of a word."""


def make_sqrt(builder: RoutineBuilder) -> Routine:
    """Return ``sqrt(a, *random_bits) -> (z, flags)``: the square root rounded once.

    NaN propagates; sqrt(+-0) is the operand; a number below zero is invalid.
    """
    word, signed = builder.word, builder.signed
    read_operand, unpack = builder.routine(make_read_operand), builder.routine(make_unpack)
    round_pack, infinite = builder.routine(make_round_pack), builder.routine(make_infinite)
    propagate, is_signalling = builder.routine(make_propagate), builder.routine(make_is_signalling)
    invalid_nan = default_nan(builder)
    sign_mask, magnitude_mask, infinity, max_number = builder.words(
        "sign_mask", "magnitude_mask", "infinity", "max_number"
    )
    no_flag, invalid_flag = word(0), word(INVALID)
    bias, one_exp = signed(builder.format.bias), signed(1)
    root, zero = builder.routine(make_root), word(0)

    def sqrt(a: Any, *random_bits: Any) -> Any:
        a = read_operand(a)
        magnitude = word(a & magnitude_mask)
        exp, sig = unpack(magnitude)
        e = signed(exp - bias)
        odd = signed(e & one_exp)
        sig_root = root(sig, odd != 0)
        z, flags = round_pack(zero, signed(((e - odd) >> one_exp) + bias), sig_root, *random_bits)

        negative = (a & sign_mask) != 0
        z = infinite(zero) if magnitude == infinity else z
        z = a if magnitude == 0 else (invalid_nan if negative else z)
        flags = no_flag if (magnitude == 0) | (magnitude == infinity) else flags
        flags = invalid_flag if negative & (magnitude != 0) else flags
        signalling = invalid_flag if is_signalling(a) else no_flag
        is_nan = magnitude > max_number
        return (propagate(a, a) if is_nan else z), (signalling if is_nan else flags)

    return sqrt


def make_root(builder: RoutineBuilder) -> Routine:
    """Return ``root(sig, is_odd)``: the working significand of a square root.

    ``sig`` is a significand with its leading one on top, and ``is_odd`` tells whether its exponent
    is odd.

    **Notation.** h = w/2 is half a word, u in [1/4, 1) the radicand, y its reciprocal root in h - 1
    bits.

    The first part of the root is 2*u*y in h - 2 bits, with u cut to h bits: it is too small by less
    than 2.8 units. Its remainder 4*u - root**2 is exact in a word; multiplied by y, that is divided
    by the root, it gives the other bits. These are too small by less than 1.5 units (a floor; a
    quarter of the square of the first error, which the quotient omits; and the cuts), so one
    comparison makes the root exact, and the remainder becomes the sticky bit. Stochastic rounding
    needs all bits below the precision, so it computes further bits from the remainder until the
    word is full.
    """
    word = builder.word
    reciprocal_root = builder.routine(make_reciprocal_root)
    zero, one, two = word(0), word(1), word(2)
    half = builder.word_bits // 2
    root_bits = _ROOT_BITS[builder.word_bits]
    places, cut, digit = word(half), word(4), word(root_bits - (half - 2))
    places_of_digit = word(2 * half + half - 1 - root_bits - 4)
    # 4*u in units of the squared root, modulo a word.
    lift = word(2 * root_bits + 2 - builder.word_bits)
    is_stochastic = builder.arithmetic.rounding is Rounding.STOCHASTIC
    fraction = builder.routine(_make_fraction if is_stochastic else _make_no_fraction)
    lead = word(builder.word_bits - 2 - root_bits)

    def square_root(sig: Any, is_odd: Any) -> Any:
        y, u = reciprocal_root(sig, is_odd)
        root = word(word(word(u >> places) * y) >> places)
        remainder = word(u - word(word(root * root) << two))
        estimate = word(word(word(remainder >> cut) * y) >> places_of_digit)
        root = word(word(root << digit) + estimate)
        remainder = word(word(u << lift) - word(root * root))
        short = remainder > word(root + root)
        remainder = word(remainder - (word(root + root + one) if short else zero))
        root = word(root + (one if short else zero))
        sticky = one if remainder != 0 else zero
        return word(word(root << lead) | word(fraction(remainder, y) | sticky))

    return square_root


def _make_fraction(builder: RoutineBuilder) -> Routine:
    """Return ``fraction(remainder, y)``: the bits that fill the word below the root.

    They are remainder / (2 * root), which is remainder * y over a power of two. That product is
    below 2**(w+22), so the remainder is cut by 23 bits, relatively less than 2**-30.
    """
    assert builder.word_bits == 64
    word, cut = builder.word, builder.word(23)
    places = word(54)

    def fraction(remainder: Any, y: Any) -> Any:
        return word(word(word(remainder >> cut) * y) >> places)

    return fraction


def _make_no_fraction(builder: RoutineBuilder) -> Routine:
    zero = builder.word(0)

    def no_fraction(remainder: Any, y: Any) -> Any:
        return zero

    return no_fraction
