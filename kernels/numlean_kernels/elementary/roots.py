"""Cube root and reciprocal square root, which may be exact."""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.elementary.constants import words
from numlean_kernels.elementary.exponential import make_power_of_two
from numlean_kernels.elementary.extended_floats import ONE, make_fraction, make_root_parts
from numlean_kernels.elementary.logarithm import log_of_real
from numlean_kernels.elementary.outcome import EXACT, ROUNDED, UNDEFINED
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_ROOT_BITS: Final = 8
"""The bits after the leading one of an exact cube root; with more, its cube would exceed 24 bits.
"""


def make_cube_root(builder: RoutineBuilder) -> Routine:
    """Return ``cube_root(e, m) -> (q, r, root)``: root * 2**(q - 63), a real, of m * 2**(3q + r).

    It is 2**((r + log2(m)) / 3): the fraction of the logarithm is short by less than 2 units of
    2**-64, the root by 3 units.
    """
    word, signed = builder.word, builder.signed
    log2, power_of_two = builder.routine(log_of_real(2)), builder.routine(make_power_of_two)
    fraction, thirds = builder.routine(make_fraction), words([k * (1 << 64) // 3 for k in range(3)])
    three, three_word, zero_exp, half = signed(3), word(3), signed(0), word(ONE)

    def cube_root(e: Any, m: Any) -> Any:
        q = signed(e // three)
        r = signed(e - signed(q * three))
        third = word(thirds[r])
        if m != half:
            _, f, n = log2(zero_exp, m)
            third = word(third + word(fraction(f, n) // three_word))
        return q, r, power_of_two(third)

    return cube_root


def _make_cbrt(builder: RoutineBuilder) -> Routine:
    """Return the cube root.

    A cube is recognised by multiplication: its root is the nearest number of 9 bits, if any.
    """
    word, signed, cube_root = builder.word, builder.signed, builder.routine(make_cube_root)
    nearest, cut = word(1 << (62 - _ROOT_BITS)), word(63 - _ROOT_BITS)
    places = signed(63 - 3 * _ROOT_BITS)

    def cbrt(negative: Any, e: Any, m: Any) -> Any:
        q, r, root = cube_root(e, m)
        candidate = word(word(root + nearest) >> cut)
        cube = word(word(candidate * candidate) * candidate)
        if word(cube << word(signed(places - r))) == m:
            return EXACT, negative, q, word(candidate << cut)
        return ROUNDED, negative, q, root

    return cbrt


def _make_rsqrt(builder: RoutineBuilder) -> Routine:
    """Return 1 / sqrt(x): exact for powers of four, and for no other number."""
    signed, root_parts = builder.signed, builder.routine(make_root_parts)
    half, odd, zero, minus_one = builder.word(ONE), signed(1), signed(0), signed(-1)

    def rsqrt(negative: Any, e: Any, m: Any) -> Any:
        if negative:
            return UNDEFINED, False, e, m
        f, _, y = root_parts(e, m)
        if (m == half) & (signed(e & odd) == zero):
            return EXACT, False, signed(-f), m
        return ROUNDED, False, signed(minus_one - f), y

    return rsqrt


CORES: Final[dict[str, Maker]] = {"cbrt": _make_cbrt, "rsqrt": _make_rsqrt}
"""``core(negative, e, m) -> outcome`` by the name of the function."""
