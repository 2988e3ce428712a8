"""Comparison predicates (clause 5.11): a NaN is unordered, zeros are equal."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.nan import make_is_nan
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine

UNORDERED = 2
"""The result of ``compare`` if an operand is a NaN; otherwise the result is -1, 0 or 1."""


def make_order_key(builder: RoutineBuilder) -> Routine:
    """Return ``order_key(a)``: a word that orders encodings by value, with -0 below +0."""
    word = builder.word
    (sign_mask,) = builder.words("sign_mask")

    def order_key(a: Any) -> Any:
        negative = (a & sign_mask) != 0
        return word(sign_mask - (a ^ sign_mask)) if negative else word(a + sign_mask + word(1))

    return order_key


def make_eq(builder: RoutineBuilder) -> Routine:
    """Return ``eq(a, b)``: compareQuietEqual."""
    word, is_nan = builder.word, builder.routine(make_is_nan)
    (magnitude_mask,) = builder.words("magnitude_mask")

    def eq(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        both_zero = ((a | b) & magnitude_mask) == 0
        return ((a == b) | both_zero) & (not is_nan(a)) & (not is_nan(b))

    return eq


def make_lt(builder: RoutineBuilder) -> Routine:
    """Return ``lt(a, b)``: compareQuietLess."""
    word, is_nan, order_key = (
        builder.word,
        builder.routine(make_is_nan),
        builder.routine(make_order_key),
    )
    (magnitude_mask,) = builder.words("magnitude_mask")

    def lt(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        both_zero = ((a | b) & magnitude_mask) == 0
        below = (order_key(a) < order_key(b)) & (not both_zero)
        return below & (not is_nan(a)) & (not is_nan(b))

    return lt


def make_le(builder: RoutineBuilder) -> Routine:
    """Return ``le(a, b)``: compareQuietLessEqual."""
    lt, eq = builder.routine(make_lt), builder.routine(make_eq)

    def le(a: Any, b: Any) -> Any:
        return lt(a, b) | eq(a, b)

    return le


def make_compare(builder: RoutineBuilder) -> Routine:
    """Return ``compare(a, b)``: -1 less, 0 equal, 1 greater, 2 unordered."""
    lt, eq = builder.routine(make_lt), builder.routine(make_eq)

    def compare(a: Any, b: Any) -> Any:
        unordered_or_greater = 1 if lt(b, a) else UNORDERED
        return -1 if lt(a, b) else (0 if eq(a, b) else unordered_or_greater)

    return compare
