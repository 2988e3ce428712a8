"""Fractions of two words, for functions whose values come close to a rounding boundary.

**Notation.** A *wide fraction* is a pair (high, low) that counts units of 2**-128.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numlean_kernels.elementary.constants import pairs
from numlean_kernels.elementary.extended_floats import make_shift_right, make_shift_right_pair
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine


def make_wide_add(builder: RoutineBuilder) -> Routine:
    """Return ``add(a, b, c, d)``: the sum of (a, b) and (c, d), modulo 1."""
    word, one, zero = builder.word, builder.word(1), builder.word(0)

    def add(a: Any, b: Any, c: Any, d: Any) -> Any:
        low = word(b + d)
        return word(word(a + c) + (one if low < b else zero)), low

    return add


def make_wide_subtract(builder: RoutineBuilder) -> Routine:
    """Return ``subtract(a, b, c, d)``: (a, b) minus (c, d), modulo 1."""
    word, one, zero = builder.word, builder.word(1), builder.word(0)

    def subtract(a: Any, b: Any, c: Any, d: Any) -> Any:
        return word(word(a - c) - (one if b < d else zero)), word(b - d)

    return subtract


def make_scale(builder: RoutineBuilder) -> Routine:
    """Return ``scale(a, b, m)``: the product of (a, b) and a fraction m, cut."""
    word, high, one, zero = (
        builder.word,
        builder.target.high_product(64),
        builder.word(1),
        builder.word(0),
    )

    def scale(a: Any, b: Any, m: Any) -> Any:
        carry = high(b, m)
        low = word(word(a * m) + carry)
        return word(high(a, m) + (one if low < carry else zero)), low

    return scale


def make_wide_multiply(builder: RoutineBuilder) -> Routine:
    """Return ``multiply(a, b, c, d)``: the product of (a, b) and (c, d), short by under 3 units."""
    word, high, one, zero = (
        builder.word,
        builder.target.high_product(64),
        builder.word(1),
        builder.word(0),
    )
    scale = builder.routine(make_scale)

    def multiply(a: Any, b: Any, c: Any, d: Any) -> Any:
        upper, low = scale(a, b, c)
        rest = high(a, d)
        low = word(low + rest)
        return word(upper + (one if low < rest else zero)), low

    return multiply


def make_wide_shift_right(builder: RoutineBuilder) -> Routine:
    """Return ``shift_right(a, b, n)``: (a, b) over 2**n, cut, for any signed n >= 0."""
    word, signed = builder.word, builder.signed
    narrow, pair = builder.routine(make_shift_right), builder.routine(make_shift_right_pair)
    zero_exp, wide = signed(0), signed(64)

    def shift_right(a: Any, b: Any, n: Any) -> Any:
        if n == zero_exp:
            return a, b
        upper, low = pair(a, n)
        return upper, word(low | narrow(b, n)) if n < wide else low

    return shift_right


def make_wide_shift_left(builder: RoutineBuilder) -> Routine:
    """Return ``shift_left(a, b, n)``: (a, b) * 2**n modulo 1, for a signed n from 1 to 63."""
    word, signed = builder.word, builder.signed
    wide = signed(64)

    def shift_left(a: Any, b: Any, n: Any) -> Any:
        return word(word(a << word(n)) | word(b >> word(signed(wide - n)))), word(b << word(n))

    return shift_left


def make_wide_normalise(builder: RoutineBuilder) -> Routine:
    """Return ``normalise(a, b) -> (e, a, b)``: 2**e times a fraction of at least 1/2."""
    word, signed, clz = builder.word, builder.signed, builder.clz
    wide, zero, zero_exp = signed(64), word(0), signed(0)

    def normalise(a: Any, b: Any) -> Any:
        e = zero_exp
        if a == zero:
            a, b, e = b, zero, signed(-wide)
        zeros = signed(clz(a))
        if zeros > zero_exp:
            a = word(word(a << word(zeros)) | word(b >> word(signed(wide - zeros))))
            b = word(b << word(zeros))
        return signed(e - zeros), a, b

    return normalise


def wide_series(coefficients: Sequence[int], *, alternating: bool = False) -> Maker:
    """Return the maker of ``sum(a, b)``: c0 + c1*t + ... of a wide fraction t, by Horner's rule.

    ``coefficients`` are in units of 2**-128; if alternating, every other term is subtracted.
    """
    upper, lower = pairs(coefficients)
    last = len(coefficients) - 1

    def make(builder: RoutineBuilder) -> Routine:
        word, multiply = builder.word, builder.routine(make_wide_multiply)
        combine = builder.routine(make_wide_subtract if alternating else make_wide_add)

        def total(a: Any, b: Any) -> Any:
            c, d = word(upper[last]), word(lower[last])
            for k in range(1, last + 1):
                c, d = multiply(c, d, a, b)
                c, d = combine(word(upper[last - k]), word(lower[last - k]), c, d)
            return c, d

        return total

    return make
