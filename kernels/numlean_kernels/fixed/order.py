"""Comparisons, extrema, signs, neighbours and classes; they raise no flag."""

from __future__ import annotations

from typing import Any

from numlean_kernels.fixed.builder import FixedBuilder
from numlean_kernels.fixed.counts import EXACT, make_count, make_settle, make_size
from numlean_kernels.ieee.classify import CLASSES
from numlean_kernels.protocol import Routine

_NEGATIVE, _ZERO, _POSITIVE = (
    CLASSES.index(name) for name in ("negative normal", "positive zero", "positive normal")
)


def make_eq(builder: FixedBuilder) -> Routine:
    """Return ``eq(a, b)``."""
    word = builder.word

    def eq(a: Any, b: Any) -> Any:
        return word(a) == word(b)

    return eq


def make_lt(builder: FixedBuilder) -> Routine:
    """Return ``lt(a, b)``."""
    count = builder.routine(make_count)

    def lt(a: Any, b: Any) -> Any:
        return count(a) < count(b)

    return lt


def make_le(builder: FixedBuilder) -> Routine:
    """Return ``le(a, b)``, which is also the order of all codes."""
    count = builder.routine(make_count)

    def le(a: Any, b: Any) -> Any:
        return count(a) <= count(b)

    return le


def make_compare(builder: FixedBuilder) -> Routine:
    """Return ``compare(a, b)``: -1 less, 0 equal, 1 greater."""
    count = builder.routine(make_count)

    def compare(a: Any, b: Any) -> Any:
        x, y = count(a), count(b)
        return -1 if x < y else (0 if x == y else 1)

    return compare


def make_minimum(builder: FixedBuilder) -> Routine:
    """Return ``minimum(a, b)``."""
    word, le = builder.word, builder.routine(make_le)

    def minimum(a: Any, b: Any) -> Any:
        return word(a) if le(a, b) else word(b)

    return minimum


def make_maximum(builder: FixedBuilder) -> Routine:
    """Return ``maximum(a, b)``."""
    word, le = builder.word, builder.routine(make_le)

    def maximum(a: Any, b: Any) -> Any:
        return word(b) if le(a, b) else word(a)

    return maximum


def make_neg(builder: FixedBuilder) -> Routine:
    """Return ``neg(a)``; that of the least number saturates or wraps."""
    count, size = builder.routine(make_count), builder.routine(make_size)
    settle = builder.routine(make_settle)

    def neg(a: Any) -> Any:
        x = count(a)
        return settle(x > 0, size(x), EXACT)[0]

    return neg


def make_abs(builder: FixedBuilder) -> Routine:
    """Return ``abs(a)``; that of the least number saturates or wraps."""
    count, size = builder.routine(make_count), builder.routine(make_size)
    settle = builder.routine(make_settle)

    def absolute(a: Any) -> Any:
        return settle(False, size(count(a)), EXACT)[0]

    return absolute


def make_copy_sign(builder: FixedBuilder) -> Routine:
    """Return ``copy_sign(a, b)``: |a|, negative if b is."""
    count, size = builder.routine(make_count), builder.routine(make_size)
    settle = builder.routine(make_settle)

    def copy_sign(a: Any, b: Any) -> Any:
        return settle(count(b) < 0, size(count(a)), EXACT)[0]

    return copy_sign


def make_next_up(builder: FixedBuilder) -> Routine:
    """Return ``next_up(a)``: the next number; the greatest remains."""
    word, one = builder.word, builder.word(1)
    mask, greatest = word(builder.format.code_mask), word(builder.format.greatest)

    def next_up(a: Any) -> Any:
        a = word(a)
        return a if a == greatest else word(word(a + one) & mask)

    return next_up


def make_next_down(builder: FixedBuilder) -> Routine:
    """Return ``next_down(a)``: the number before; the least remains."""
    word, one = builder.word, builder.word(1)
    mask, least = word(builder.format.code_mask), word(builder.format.sign_mask)

    def next_down(a: Any) -> Any:
        a = word(a)
        return a if a == least else word(word(a - one) & mask)

    return next_down


def make_classify(builder: FixedBuilder) -> Routine:
    """Return ``classify(a)``: the index of the class of a; every number but zero is normal."""
    count = builder.routine(make_count)

    def classify(a: Any) -> Any:
        x = count(a)
        return _ZERO if x == 0 else (_NEGATIVE if x < 0 else _POSITIVE)

    return classify
