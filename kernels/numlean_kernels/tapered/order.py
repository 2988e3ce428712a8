"""Comparisons, extrema, signs, neighbours and classes: operations on codes as integers.

Codes compare as two's complement integers, so NaR equals itself and is less than every number
(Posit Standard 2022, section 5.4). The extrema propagate it.
"""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.classify import CLASSES
from numlean_kernels.protocol import Routine
from numlean_kernels.tapered.arithmetic import make_neg
from numlean_kernels.tapered.builder import TaperedBuilder
from numlean_kernels.tapered.codes import make_magnitude

_NAN, _NEGATIVE, _ZERO, _POSITIVE = (
    CLASSES.index(name)
    for name in ("quiet NaN", "negative normal", "positive zero", "positive normal")
)


def make_is_nan(builder: TaperedBuilder) -> Routine:
    """Return ``is_nan(a)``: whether a is NaR."""
    word, nar = builder.word, builder.word(builder.format.nar)

    def is_nan(a: Any) -> Any:
        return word(a) == nar

    return is_nan


def make_eq(builder: TaperedBuilder) -> Routine:
    """Return ``eq(a, b)``."""
    word = builder.word

    def eq(a: Any, b: Any) -> Any:
        return word(a) == word(b)

    return eq


def make_lt(builder: TaperedBuilder) -> Routine:
    """Return ``lt(a, b)``."""
    word, sign = builder.word, builder.word(builder.format.nar)

    def lt(a: Any, b: Any) -> Any:
        return word(word(a) ^ sign) < word(word(b) ^ sign)

    return lt


def make_le(builder: TaperedBuilder) -> Routine:
    """Return ``le(a, b)``, which is also the order of all codes."""
    word, sign = builder.word, builder.word(builder.format.nar)

    def le(a: Any, b: Any) -> Any:
        return word(word(a) ^ sign) <= word(word(b) ^ sign)

    return le


def make_compare(builder: TaperedBuilder) -> Routine:
    """Return ``compare(a, b)``: -1 less, 0 equal, 1 greater."""
    lt, eq = builder.routine(make_lt), builder.routine(make_eq)

    def compare(a: Any, b: Any) -> Any:
        return -1 if lt(a, b) else (0 if eq(a, b) else 1)

    return compare


def make_minimum(builder: TaperedBuilder) -> Routine:
    """Return ``minimum(a, b)``; NaR, the least code, propagates."""
    word, le = builder.word, builder.routine(make_le)

    def minimum(a: Any, b: Any) -> Any:
        return word(a) if le(a, b) else word(b)

    return minimum


def make_maximum(builder: TaperedBuilder) -> Routine:
    """Return ``maximum(a, b)``; NaR propagates."""
    word, max_num = builder.word, builder.routine(make_max_num)
    is_nan, nar = builder.routine(make_is_nan), word(builder.format.nar)

    def maximum(a: Any, b: Any) -> Any:
        return nar if is_nan(a) | is_nan(b) else max_num(a, b)

    return maximum


def make_min_num(builder: TaperedBuilder) -> Routine:
    """Return ``min_num(a, b)``; with one NaR, the other operand."""
    word, minimum, is_nan = (
        builder.word,
        builder.routine(make_minimum),
        builder.routine(make_is_nan),
    )

    def min_num(a: Any, b: Any) -> Any:
        return word(b) if is_nan(a) else (word(a) if is_nan(b) else minimum(a, b))

    return min_num


def make_max_num(builder: TaperedBuilder) -> Routine:
    """Return ``max_num(a, b)``; with one NaR, the least code, the other operand."""
    word, le = builder.word, builder.routine(make_le)

    def max_num(a: Any, b: Any) -> Any:
        return word(b) if le(a, b) else word(a)

    return max_num


def make_abs(builder: TaperedBuilder) -> Routine:
    """Return ``abs(a)``: the magnitude; NaR remains."""
    word, magnitude = builder.word, builder.routine(make_magnitude)

    def absolute(a: Any) -> Any:
        return magnitude(word(a))

    return absolute


def make_copy_sign(builder: TaperedBuilder) -> Routine:
    """Return ``copy_sign(a, b)``: |a|, negative if b is below zero or NaR; NaR if a is."""
    word, magnitude, neg = (
        builder.word,
        builder.routine(make_magnitude),
        builder.routine(make_neg),
    )
    sign, zero = word(builder.format.nar), word(0)

    def copy_sign(a: Any, b: Any) -> Any:
        size = magnitude(word(a))
        return neg(size) if (word(b) & sign) != zero else size

    return copy_sign


def make_next_up(builder: TaperedBuilder) -> Routine:
    """Return ``next_up(a)``: the next code; NaR after the greatest number, and for NaR."""
    word, one = builder.word, builder.word(1)
    mask, nar = word(builder.format.code_mask), word(builder.format.nar)

    def next_up(a: Any) -> Any:
        a = word(a)
        return nar if a == nar else word(word(a + one) & mask)

    return next_up


def make_next_down(builder: TaperedBuilder) -> Routine:
    """Return ``next_down(a)``: the code before; NaR before the least number, and for NaR."""
    word, one = builder.word, builder.word(1)
    mask, nar = word(builder.format.code_mask), word(builder.format.nar)

    def next_down(a: Any) -> Any:
        a = word(a)
        return nar if a == nar else word(word(a - one) & mask)

    return next_down


def make_classify(builder: TaperedBuilder) -> Routine:
    """Return ``classify(a)``: the index of the class of a; NaR is a quiet NaN."""
    word, sign, zero = builder.word, builder.word(builder.format.nar), builder.word(0)

    def classify(a: Any) -> Any:
        a = word(a)
        number = _NEGATIVE if (a & sign) != zero else _POSITIVE
        return _NAN if a == sign else (_ZERO if a == zero else number)

    return classify
