"""Sums of two hardware floats, rounded to nearest or to odd."""

from __future__ import annotations

from typing import Any

from numlean_kernels.protocol import Routine
from numlean_kernels.widened.builder import WideBuilder


def make_nearest_sum(builder: WideBuilder) -> Routine:
    """Return ``total(x, y)``: the sum of two hardware floats, rounded to nearest even."""
    return builder.instructions.add


def make_odd_sum(builder: WideBuilder) -> Routine:
    """Return ``total(x, y)``: the sum rounded to odd, if no operand and no sum is infinite.

    It is exact, or the neighbour with an odd encoding. Knuth's two-sum gives the error of the sum
    to nearest; if that is even and inexact, the odd neighbour on the side of the error is taken.
    """
    add, sub = builder.instructions.add, builder.instructions.sub
    word, encoding, real = builder.word, builder.encoding, builder.real
    sign_mask, zero, one = word(builder.wide.sign_mask), word(0), word(1)
    minus_one = word((1 << builder.word_bits) - 1)

    def total(x: Any, y: Any) -> Any:
        nearest = add(x, y)
        of_y = sub(nearest, x)
        error = add(sub(x, sub(nearest, of_y)), sub(y, of_y))
        bits = encoding(nearest)
        is_moved = ((error < 0) | (error > 0)) & (word(bits & one) == zero)
        is_greater = (error > 0) == (word(bits & sign_mask) == zero)
        step = one if is_greater else minus_one
        return real(word(bits + (step if is_moved else zero)))

    return total
