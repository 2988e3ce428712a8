"""Comparisons, extrema, signs, neighbours and classes."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.classify import CLASSES
from numlean_kernels.ieee.compare import UNORDERED
from numlean_kernels.logarithmic.arithmetic import make_is_nan, make_log, make_neg
from numlean_kernels.logarithmic.builder import LogBuilder
from numlean_kernels.protocol import Routine

_NAN, _NEGATIVE, _ZERO, _POSITIVE = (
    CLASSES.index(name)
    for name in ("quiet NaN", "negative normal", "positive zero", "positive normal")
)


def make_rank(builder: LogBuilder) -> Routine:
    """Return ``rank(a)``: an integer that orders numbers; 0 for zero, the greatest for NaN."""
    word, long, log = builder.word, builder.long, builder.routine(make_log)
    sign, zero, nan = (word(getattr(builder.format, n)) for n in ("sign_mask", "zero", "nan"))
    offset, beyond, none = long(builder.format.zero), long(2 * builder.format.zero), long(0)

    def rank(a: Any) -> Any:
        a = word(a)
        size = long(log(a) + offset)
        signed = long(-size) if word(a & sign) != word(0) else size
        return beyond if a == nan else (none if a == zero else signed)

    return rank


def make_of_rank(builder: LogBuilder) -> Routine:
    """Return ``of_rank(n)``: the number of a rank, at the end of the range if there is none."""
    word, long, mask = builder.word, builder.long, builder.word(builder.format.log_mask)
    sign, zero = word(builder.format.sign_mask), word(builder.format.zero)
    offset, none = long(builder.format.zero), long(0)
    greatest = long(builder.format.greatest_log + builder.format.zero)

    def of_rank(n: Any) -> Any:
        size = long(-n) if n < none else n
        size = size if size < greatest else greatest
        code = word(word(long(size - offset)) & mask)
        return zero if n == none else (word(code | sign) if n < none else code)

    return of_rank


def make_eq(builder: LogBuilder) -> Routine:
    """Return ``eq(a, b)``: a NaN is unordered."""
    word, is_nan = builder.word, builder.routine(make_is_nan)

    def eq(a: Any, b: Any) -> Any:
        return (word(a) == word(b)) & (not is_nan(a))

    return eq


def make_lt(builder: LogBuilder) -> Routine:
    """Return ``lt(a, b)``: a NaN is unordered."""
    rank, is_nan = builder.routine(make_rank), builder.routine(make_is_nan)

    def lt(a: Any, b: Any) -> Any:
        return (rank(a) < rank(b)) & (not is_nan(b))

    return lt


def make_le(builder: LogBuilder) -> Routine:
    """Return ``le(a, b)``: a NaN is unordered."""
    rank, is_nan = builder.routine(make_rank), builder.routine(make_is_nan)

    def le(a: Any, b: Any) -> Any:
        return (rank(a) <= rank(b)) & (not is_nan(a)) & (not is_nan(b))

    return le


def make_compare(builder: LogBuilder) -> Routine:
    """Return ``compare(a, b)``: -1 less, 0 equal, 1 greater, 2 unordered."""
    rank, is_nan = builder.routine(make_rank), builder.routine(make_is_nan)

    def compare(a: Any, b: Any) -> Any:
        x, y = rank(a), rank(b)
        ordered = -1 if x < y else (0 if x == y else 1)
        return UNORDERED if is_nan(a) | is_nan(b) else ordered

    return compare


def make_total_order(builder: LogBuilder) -> Routine:
    """Return ``total_order(a, b)``: the NaN follows every number."""
    rank = builder.routine(make_rank)

    def total_order(a: Any, b: Any) -> Any:
        return rank(a) <= rank(b)

    return total_order


def make_minimum(builder: LogBuilder) -> Routine:
    """Return ``minimum(a, b)``; a NaN propagates."""
    word, min_num = builder.word, builder.routine(make_min_num)
    is_nan, nan = builder.routine(make_is_nan), word(builder.format.nan)

    def minimum(a: Any, b: Any) -> Any:
        return nan if is_nan(a) | is_nan(b) else min_num(a, b)

    return minimum


def make_maximum(builder: LogBuilder) -> Routine:
    """Return ``maximum(a, b)``; the NaN, whose rank is the greatest, propagates."""
    word, rank = builder.word, builder.routine(make_rank)

    def maximum(a: Any, b: Any) -> Any:
        return word(a) if rank(a) >= rank(b) else word(b)

    return maximum


def make_min_num(builder: LogBuilder) -> Routine:
    """Return ``min_num(a, b)``; with one NaN, whose rank is the greatest, the other operand."""
    word, rank = builder.word, builder.routine(make_rank)

    def min_num(a: Any, b: Any) -> Any:
        return word(a) if rank(a) <= rank(b) else word(b)

    return min_num


def make_max_num(builder: LogBuilder) -> Routine:
    """Return ``max_num(a, b)``; with one NaN, the other operand."""
    word, maximum, is_nan = (
        builder.word,
        builder.routine(make_maximum),
        builder.routine(make_is_nan),
    )

    def max_num(a: Any, b: Any) -> Any:
        return word(b) if is_nan(a) else (word(a) if is_nan(b) else maximum(a, b))

    return max_num


def make_abs(builder: LogBuilder) -> Routine:
    """Return ``abs(a)``; NaN remains."""
    word, neg, rank = builder.word, builder.routine(make_neg), builder.routine(make_rank)

    def absolute(a: Any) -> Any:
        return neg(a) if rank(a) < 0 else word(a)

    return absolute


def make_copy_sign(builder: LogBuilder) -> Routine:
    """Return ``copy_sign(a, b)``: |a|, negative if b is below zero; NaN if a is."""
    neg, rank, absolute = (
        builder.routine(make_neg),
        builder.routine(make_rank),
        builder.routine(make_abs),
    )

    def copy_sign(a: Any, b: Any) -> Any:
        return neg(absolute(a)) if rank(b) < 0 else absolute(a)

    return copy_sign


def make_next_up(builder: LogBuilder) -> Routine:
    """Return ``next_up(a)``: the next number; the greatest and NaN remain."""
    word, long, rank = builder.word, builder.long, builder.routine(make_rank)
    of_rank, is_nan, one = builder.routine(make_of_rank), builder.routine(make_is_nan), long(1)

    def next_up(a: Any) -> Any:
        return word(a) if is_nan(a) else of_rank(long(rank(a) + one))

    return next_up


def make_next_down(builder: LogBuilder) -> Routine:
    """Return ``next_down(a)``: the number before; the least and NaN remain."""
    word, long, rank = builder.word, builder.long, builder.routine(make_rank)
    of_rank, is_nan, one = builder.routine(make_of_rank), builder.routine(make_is_nan), long(1)

    def next_down(a: Any) -> Any:
        return word(a) if is_nan(a) else of_rank(long(rank(a) - one))

    return next_down


def make_classify(builder: LogBuilder) -> Routine:
    """Return ``classify(a)``: the index of the class of a; every number but zero is normal."""
    rank, is_nan = builder.routine(make_rank), builder.routine(make_is_nan)

    def classify(a: Any) -> Any:
        n = rank(a)
        number = _ZERO if n == 0 else (_NEGATIVE if n < 0 else _POSITIVE)
        return _NAN if is_nan(a) else number

    return classify
