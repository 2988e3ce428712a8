"""Sums of two hardware floats, rounded to nearest or to odd."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.ieee.rounding import make_zero_sum
from numlean_kernels.protocol import Routine
from numlean_kernels.widened.builder import WideBuilder


def make_nearest_sum(builder: WideBuilder) -> Routine:
    """Return ``total(x, y)``: the sum of two hardware floats, rounded to nearest even."""
    return builder.instructions.add


def make_odd_sum(builder: WideBuilder) -> Routine:
    """Return ``total(x, y)``: the sum rounded to odd, if no operand and no sum is infinite.

    It is exact, or the neighbour with an odd encoding. Knuth's two-sum gives the error of the sum
    to nearest. If there is one, the sum is first rounded toward zero: that is the encoding before
    it, if the error has the other sign. Then its last bit is set.
    """
    add, sub = builder.instructions.add, builder.instructions.sub
    word, encoding, real = builder.word, builder.encoding, builder.real
    sign_bit, one = word(builder.word_bits - 1), word(1)

    def total(x: Any, y: Any) -> Any:
        nearest = add(x, y)
        of_y = sub(nearest, x)
        error = add(sub(x, sub(nearest, of_y)), sub(y, of_y))
        bits = encoding(nearest)
        is_beyond = word(word(bits ^ encoding(error)) >> sign_bit)
        odd = word(word(bits - is_beyond) | one)
        return real(odd if (error < 0) | (error > 0) else bits)

    return total


def make_signed_zero(builder: WideBuilder) -> Routine:
    """Return ``with_zeros(r, x, y, z)``: the rounded sum z of x and y, which is r in wide floats.

    The hardware rounds to nearest, so its exact zero sums are positive where they need not be.
    """
    word, encoding, zero_sum = builder.word, builder.encoding, builder.routine(make_zero_sum)
    down_sign = word(builder.wide.width - builder.format.width)
    (sign_mask,) = builder.words("sign_mask")

    def same(r: Any, x: Any, y: Any, z: Any) -> Any:
        return z

    def negative(r: Any, x: Any, y: Any, z: Any) -> Any:
        sign_x, sign_y = word(encoding(x) >> down_sign), word(encoding(y) >> down_sign)
        return zero_sum(word(sign_x & sign_mask), word(sign_y & sign_mask)) if r == 0 else z

    return negative if builder.arithmetic.rounding is Rounding.TOWARD_NEGATIVE else same
