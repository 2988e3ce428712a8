"""Unpacking encodings, and shifting significands without losing the information for rounding."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.arithmetic import Subnormal
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine


def make_read_operand(builder: RoutineBuilder) -> Routine:
    """Return ``read_operand(a)``: an operand as a word, flushed if the arithmetic flushes.

    It is flushed to a zero of its sign, or to the only zero of the format.
    """
    word = builder.word
    kept_sign = word(builder.format.sign_mask if builder.arithmetic.format.has_negative_zero else 0)
    magnitude_mask, implicit_bit = builder.words("magnitude_mask", "implicit_bit")

    def keep(a: Any) -> Any:
        return word(a)

    def flush(a: Any) -> Any:
        a = word(a)
        return word(a & kept_sign) if word(a & magnitude_mask) < implicit_bit else a

    return keep if builder.arithmetic.subnormal is Subnormal.KEEP else flush


def make_unpack(builder: RoutineBuilder) -> Routine:
    """Return ``unpack(magnitude) -> (exp, sig)``, with subnormals normalised.

    The value of a finite nonzero magnitude is sig / 2**(w-1) * 2**(exp - bias), where the leading
    one of sig is at bit w-1. Zero gives sig 0; infinities and NaNs give a meaningless pair.
    """
    word, signed, clz = builder.word, builder.signed, builder.clz
    trailing_mask, implicit_bit, zero = builder.words("trailing_mask", "implicit_bit", "zero")
    trailing_bits = builder.word(builder.format.trailing_bits)
    normal_zeros = signed(builder.word_bits - builder.format.precision)
    shift_mask = word(builder.word_bits - 1)
    one_exp = signed(1)

    def unpack(magnitude: Any) -> Any:
        field = signed(magnitude >> trailing_bits)
        sig = word((magnitude & trailing_mask) | (implicit_bit if field != 0 else zero))
        zeros = clz(sig)
        exp = signed((field if field != 0 else one_exp) + normal_zeros - signed(zeros))
        return exp, word(sig << (zeros & shift_mask))

    return unpack


def make_shift_right_jam(builder: RoutineBuilder) -> Routine:
    """Return ``shift_right_jam(sig, n)``: sig >> n, n >= 0; bit 0 is set if a one was lost."""
    word, zero, one, farthest = (
        builder.word,
        builder.word(0),
        builder.word(1),
        builder.word(builder.word_bits - 1),
    )

    def shift_right_jam(sig: Any, n: Any) -> Any:
        n = n if n < farthest else farthest
        shifted = word(sig >> n)
        return word(shifted | (one if word(shifted << n) != sig else zero))

    return shift_right_jam
