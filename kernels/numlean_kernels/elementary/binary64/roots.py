"""Roots of binary64, which may be exact; no root is the middle of two numbers."""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.elementary.binary64.double_word import make_long_divide, make_long_square_root
from numlean_kernels.elementary.extended_floats import (
    ONE,
    make_divide,
    make_multiply,
    make_shift_right,
)
from numlean_kernels.elementary.outcome import EXACT, ROUNDED, UNDEFINED
from numlean_kernels.elementary.roots import make_cube_root
from numlean_kernels.elementary.wide import (
    make_scale,
    make_wide_normalise,
    make_wide_shift_right,
    make_wide_subtract,
)
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_ROOT_BITS: Final = 17
"""The bits after the leading one of an exact cube root; with more, its cube would exceed 53 bits.
"""
_SPARE: Final = 4
"""Units by which the first root is lowered."""


def _make_cbrt(builder: RoutineBuilder) -> Routine:
    """Return the cube root by one Newton step from a root of one word.

    The step is y + (x - y**3) / (3 * y**2). y is lowered, so that it is certainly short, by less
    than 2**-59 of itself; the step leaves about the square of that. Of the remainder, in units of
    2**-128, the leading 57 bits cancel. A cube is recognised as in
    :mod:`numlean_kernels.elementary.roots`.
    """
    word, signed, high = builder.word, builder.signed, builder.target.high_product(64)
    cube_root, scale = builder.routine(make_cube_root), builder.routine(make_scale)
    shift_right, subtract = (
        builder.routine(make_wide_shift_right),
        builder.routine(make_wide_subtract),
    )
    normalise, divide = builder.routine(make_wide_normalise), builder.routine(make_divide)
    multiply, shift = builder.routine(make_multiply), builder.routine(make_shift_right)
    nearest, cut = word(1 << (62 - _ROOT_BITS)), word(63 - _ROOT_BITS)
    places, zero, three = signed(63 - 3 * _ROOT_BITS), word(0), word(3 << 62)
    two, one, below, spare = signed(2), signed(1), signed(-1), word(_SPARE)

    def cbrt(negative: Any, e: Any, m: Any) -> Any:
        q, r, root = cube_root(e, m)
        candidate = word(word(root + nearest) >> cut)
        cube = word(word(candidate * candidate) * candidate)
        if word(cube << word(signed(places - r))) == m:
            return EXACT, negative, q, word(candidate << cut)
        # Both in units of 2**(3q + 3), in which the real is at least 1/8.
        a, b = shift_right(m, zero, signed(two - r))
        lower = word(root - spare)
        c, d = scale(high(lower, lower), word(lower * lower), lower)
        a, b = subtract(a, b, c, d)
        f, a, _ = normalise(a, b)
        g, square = multiply(below, root, below, root)
        g, square = multiply(g, square, one, three)
        f, a = divide(signed(f + below), a, g, square)
        return ROUNDED, negative, q, word(lower + shift(a, signed(below - f)))

    return cbrt


def _make_rsqrt(builder: RoutineBuilder) -> Routine:
    """Return 1 / sqrt(x): exact for powers of four, and for no other number."""
    signed, word = builder.signed, builder.word
    square_root, divide = builder.routine(make_long_square_root), builder.routine(make_long_divide)
    half, zero, one, zero_word = word(ONE), signed(0), signed(1), word(0)

    def rsqrt(negative: Any, e: Any, m: Any) -> Any:
        if negative:
            return UNDEFINED, False, e, m
        if (m == half) & (signed(e & one) == zero):
            return EXACT, False, signed(-signed(e >> one)), m
        f, a, b = square_root(e, m, zero_word)
        e, m, _ = divide(zero, half, zero_word, f, a, b)
        return ROUNDED, False, e, m

    return rsqrt


CORES: Final[dict[str, Maker]] = {"cbrt": _make_cbrt, "rsqrt": _make_rsqrt}
"""``core(negative, e, m) -> outcome`` by the name of the function."""
