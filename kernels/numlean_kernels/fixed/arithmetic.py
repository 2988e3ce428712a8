"""The basic operations, each exact and then rounded once, with the flags that it raises."""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.fixed.builder import FixedBuilder
from numlean_kernels.fixed.counts import (
    ABOVE_HALF,
    BELOW_HALF,
    EXACT,
    HALF,
    make_count,
    make_rest,
    make_settle,
    make_size,
)
from numlean_kernels.flags import DIVIDE_BY_ZERO, INVALID
from numlean_kernels.protocol import Routine

_ROOT_BITS: Final = 32


def make_add(builder: FixedBuilder) -> Routine:
    """Return ``add(a, b) -> (z, flags)``."""
    long, count, size = builder.long, builder.routine(make_count), builder.routine(make_size)
    settle = builder.routine(make_settle)

    def add(a: Any, b: Any) -> Any:
        n = long(count(a) + count(b))
        return settle(n < 0, size(n), EXACT)

    return add


def make_sub(builder: FixedBuilder) -> Routine:
    """Return ``sub(a, b) -> (z, flags)``."""
    long, count, size = builder.long, builder.routine(make_count), builder.routine(make_size)
    settle = builder.routine(make_settle)

    def sub(a: Any, b: Any) -> Any:
        n = long(count(a) - count(b))
        return settle(n < 0, size(n), EXACT)

    return sub


def make_mul(builder: FixedBuilder) -> Routine:
    """Return ``mul(a, b) -> (z, flags)``."""
    word, count, size = builder.word, builder.routine(make_count), builder.routine(make_size)
    settle, rest = builder.routine(make_settle), builder.routine(make_rest)
    places = word(builder.format.fraction_bits)

    def mul(a: Any, b: Any) -> Any:
        x, y = count(a), count(b)
        product = word(size(x) * size(y))
        return settle((x < 0) != (y < 0), word(product >> places), rest(product, places))

    return mul


def make_fma(builder: FixedBuilder) -> Routine:
    """Return ``fma(a, b, c) -> (z, flags)``: a * b + c, rounded once."""
    word, long = builder.word, builder.long
    count, size = builder.routine(make_count), builder.routine(make_size)
    settle, rest = builder.routine(make_settle), builder.routine(make_rest)
    places, scale = word(builder.format.fraction_bits), long(1 << builder.format.fraction_bits)

    def fma(a: Any, b: Any, c: Any) -> Any:
        total = long(long(count(a) * count(b)) + long(count(c) * scale))
        m = size(total)
        return settle(total < 0, word(m >> places), rest(m, places))

    return fma


def make_div(builder: FixedBuilder) -> Routine:
    """Return ``div(a, b) -> (z, flags)``.

    A number divided by zero is the greatest number of its sign and raises divide by zero; 0/0 is 0
    and invalid.
    """
    word, zero, one = builder.word, builder.word(0), builder.word(1)
    count, size = builder.routine(make_count), builder.routine(make_size)
    settle, places = builder.routine(make_settle), word(builder.format.fraction_bits)
    greatest, least = word(builder.format.greatest), word(builder.format.sign_mask)
    by_zero_flag, invalid_flag = word(DIVIDE_BY_ZERO), word(INVALID)

    def div(a: Any, b: Any) -> Any:
        x, y = count(a), count(b)
        divisor = size(y) if y != 0 else one
        dividend = word(size(x) << places)
        quotient = word(dividend // divisor)
        left = word(dividend - word(quotient * divisor))
        twice = word(left << one)
        kind = HALF if twice == divisor else (BELOW_HALF if twice < divisor else ABOVE_HALF)
        rest = EXACT if left == zero else kind
        z, flags = settle((x < 0) != (y < 0), quotient, rest)
        by_zero = zero if x == 0 else (least if x < 0 else greatest)
        raised = invalid_flag if x == 0 else by_zero_flag
        return (by_zero if y == 0 else z), (raised if y == 0 else flags)

    return div


def make_sqrt(builder: FixedBuilder) -> Routine:
    """Return ``sqrt(a) -> (z, flags)``; of a number below zero 0, and invalid.

    No root lies halfway between two units: the square of an integer and a half is no integer.
    """
    word, zero, one = builder.word, builder.word(0), builder.word(1)
    count, size = builder.routine(make_count), builder.routine(make_size)
    settle, places = builder.routine(make_settle), word(builder.format.fraction_bits)
    top, invalid_flag = word(_ROOT_BITS - 1), word(INVALID)

    def sqrt(a: Any) -> Any:
        x = count(a)
        radicand = word(size(x) << places)
        root = zero
        for k in range(_ROOT_BITS):
            trial = word(root | word(one << word(top - word(k))))
            root = trial if word(trial * trial) <= radicand else root
        left = word(radicand - word(root * root))
        rest = EXACT if left == zero else (ABOVE_HALF if left > root else BELOW_HALF)
        z, flags = settle(False, root, rest)
        return (zero if x < 0 else z), (invalid_flag if x < 0 else flags)

    return sqrt


def make_rem(builder: FixedBuilder) -> Routine:
    """Return ``rem(a, b) -> (z, flags)``: a - b * n, n the integer nearest a / b, ties to even.

    The result is exact. With a zero b it is what a / b is, and invalid.
    """
    word, zero, one = builder.word, builder.word(0), builder.word(1)
    count, size = builder.routine(make_count), builder.routine(make_size)
    settle, invalid_flag = builder.routine(make_settle), builder.word(INVALID)
    greatest, least = word(builder.format.greatest), word(builder.format.sign_mask)

    def rem(a: Any, b: Any) -> Any:
        x, y = count(a), count(b)
        divisor = size(y) if y != 0 else one
        quotient = word(size(x) // divisor)
        left = word(size(x) - word(quotient * divisor))
        twice = word(left << one)
        is_odd = word(quotient & one) != zero
        beyond = (twice > divisor) | ((twice == divisor) & is_odd)
        z, flags = settle((x < 0) != beyond, word(divisor - left) if beyond else left, EXACT)
        by_zero = zero if x == 0 else (least if x < 0 else greatest)
        return (by_zero if y == 0 else z), (invalid_flag if y == 0 else flags)

    return rem
