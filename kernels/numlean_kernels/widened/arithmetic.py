"""The basic operations on encodings of a small format, computed in a wider hardware format.

:mod:`.conditions` proves that each result is the exact one, rounded once. NaNs, exact infinities
and the signs of zero sums are as in :mod:`numlean_kernels.ieee`.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.ieee.arithmetic import NanRule
from numlean_kernels.ieee.nan import (
    default_nan,
    make_is_nan,
    make_propagate,
    make_propagate_ternary,
)
from numlean_kernels.ieee.sign import make_neg
from numlean_kernels.protocol import Routine
from numlean_kernels.widened.builder import WideBuilder
from numlean_kernels.widened.conditions import sums_are_odd
from numlean_kernels.widened.conversion import (
    make_infinite_of,
    make_narrow,
    make_widen,
    overflow_is_infinite,
)
from numlean_kernels.widened.sums import make_nearest_sum, make_odd_sum, make_signed_zero


def make_add(builder: WideBuilder) -> Routine:
    """Return ``add(a, b)``."""
    widen, sum_of = builder.routine(make_widen), builder.routine(_make_sum)
    nan_of, real, word = builder.routine(_make_nan_of), builder.real, builder.word

    def add(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        x, y = real(widen(a)), real(widen(b))
        is_number, z = sum_of(x, y)
        return z if is_number else nan_of(a, b)

    return add


def make_sub(builder: WideBuilder) -> Routine:
    """Return ``sub(a, b)``."""
    widen, sum_of = builder.routine(make_widen), builder.routine(_make_sum)
    nan_of, real, word = builder.routine(_make_nan_of), builder.real, builder.word
    wide_sign, neg = word(builder.wide.sign_mask), builder.routine(make_neg)
    negates_nan = builder.arithmetic.nan is NanRule.TORCHLEAN

    def sub(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        x, y = real(widen(a)), real(word(widen(b) ^ wide_sign))
        is_number, z = sum_of(x, y)
        return z if is_number else nan_of(a, neg(b) if negates_nan else b)

    return sub


def _make_sum(builder: WideBuilder) -> Routine:
    """Return ``sum_of(x, y) -> (is_number, z)``: the sum of two wide floats, rounded once."""
    is_odd = sums_are_odd(builder.arithmetic, builder.wide)
    total = builder.routine(make_odd_sum if is_odd else make_nearest_sum)
    return _rounded_sum(builder, total)


def _make_fused_sum(builder: WideBuilder) -> Routine:
    """Return the same for a product as the first number."""
    return _rounded_sum(builder, builder.routine(make_odd_sum))


def _rounded_sum(builder: WideBuilder, total: Routine) -> Routine:
    word, wide, encoding = builder.word, builder.wide, builder.encoding
    finish, with_zeros = builder.routine(_make_finish), builder.routine(make_signed_zero)
    infinity, wide_magnitude = word(wide.infinity), word(wide.magnitude_mask)

    def sum_of(x: Any, y: Any) -> Any:
        r = total(x, y)
        p, q = encoding(x), encoding(y)
        has_infinity = word(p & wide_magnitude) == infinity
        has_infinity = has_infinity | (word(q & wide_magnitude) == infinity)
        return r == r, with_zeros(r, x, y, finish(encoding(r), has_infinity))

    return sum_of


def make_mul(builder: WideBuilder) -> Routine:
    """Return ``mul(a, b)``."""
    return _binary(builder, builder.instructions.mul, by_zero=False)


def make_div(builder: WideBuilder) -> Routine:
    """Return ``div(a, b)``."""
    return _binary(builder, builder.instructions.div, by_zero=True)


def _binary(builder: WideBuilder, instruction: Routine, *, by_zero: bool) -> Routine:
    """Return a product or a quotient, of which a zero second operand may make an infinity."""
    word, wide, encoding, real = builder.word, builder.wide, builder.encoding, builder.real
    widen, nan_of = builder.routine(make_widen), builder.routine(_make_nan_of)
    finish, infinity = builder.routine(_make_finish), word(wide.infinity)
    wide_magnitude, zero = word(wide.magnitude_mask), word(0)
    second = zero if by_zero else infinity

    def binary(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        p, q = widen(a), widen(b)
        r = instruction(real(p), real(q))
        is_infinite = word(p & wide_magnitude) == infinity
        is_infinite = is_infinite | (word(q & wide_magnitude) == second)
        z = finish(encoding(r), is_infinite)
        return z if r == r else nan_of(a, b)

    return binary


def make_sqrt(builder: WideBuilder) -> Routine:
    """Return ``sqrt(a)``."""
    word, encoding, real = builder.word, builder.encoding, builder.real
    widen, nan_of = builder.routine(make_widen), builder.routine(_make_nan_of)
    finish, root = builder.routine(_make_finish), builder.instructions.sqrt
    infinity = word(builder.wide.infinity)

    def sqrt(a: Any) -> Any:
        a = word(a)
        p = widen(a)
        r = root(real(p))
        z = finish(encoding(r), p == infinity)
        return z if r == r else nan_of(a, a)

    return sqrt


def make_fma(builder: WideBuilder) -> Routine:
    """Return ``fma(a, b, c)``: the product is exact, and its sum with c is rounded to odd."""
    word, format, real = builder.word, builder.format, builder.real
    widen, sum_of = builder.routine(make_widen), builder.routine(_make_fused_sum)
    multiplied = builder.instructions.mul
    is_nan, propagate = builder.routine(make_is_nan), builder.routine(make_propagate_ternary)
    invalid_nan, has_infinity = default_nan(builder), format.has_infinity

    def fma(a: Any, b: Any, c: Any) -> Any:
        a, b, c = word(a), word(b), word(c)
        product = multiplied(real(widen(a)), real(widen(b)))
        is_number, z = sum_of(product, real(widen(c)))
        # An invalid product is zero times infinity.
        is_invalid = (product != product) & has_infinity & (not (is_nan(a) | is_nan(b)))
        has_nan = is_nan(a) | is_nan(b) | is_nan(c)
        nan = propagate(a, b, c, is_invalid) if has_nan else invalid_nan
        return z if is_number else nan

    return fma


def _make_finish(builder: WideBuilder) -> Routine:
    """Return ``finish(a, is_infinite)``: a wide result rounded.

    If an operand makes an infinite result exact, it is not beyond the range.
    """
    narrow, infinite_of = builder.routine(make_narrow), builder.routine(make_infinite_of)
    word, infinity = builder.word, builder.word(builder.wide.infinity)
    wide_magnitude = word(builder.wide.magnitude_mask)
    is_same = overflow_is_infinite(builder)

    def finish(a: Any, is_infinite: Any) -> Any:
        z = narrow(a)
        if is_same:
            return z
        is_exact = is_infinite & (word(a & wide_magnitude) == infinity)
        return infinite_of(a) if is_exact else z

    return finish


def _make_nan_of(builder: WideBuilder) -> Routine:
    """Return ``nan_of(a, b)``: the NaN of an operation on two numbers whose result is a NaN."""
    propagate, is_nan = builder.routine(make_propagate), builder.routine(make_is_nan)
    invalid_nan = default_nan(builder)

    def nan_of(a: Any, b: Any) -> Any:
        return propagate(a, b) if is_nan(a) | is_nan(b) else invalid_nan

    return nan_of


MAKERS: Final = {
    "add": (make_add, 2),
    "sub": (make_sub, 2),
    "mul": (make_mul, 2),
    "div": (make_div, 2),
    "sqrt": (make_sqrt, 1),
    "fma": (make_fma, 3),
}
"""The operations and the numbers of their operands."""
