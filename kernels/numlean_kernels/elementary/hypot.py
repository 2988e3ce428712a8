"""The hypotenuse: the square root of an exact sum of squares, with an exact remainder.

If a leg is below 2**-14 of the other, the hypotenuse exceeds the longer leg by less than 2**-28 of
it, where no rounding boundary lies. Otherwise both legs, as integers in one unit, have at most 38
bits, and their squares are less than 2**77. A root of 32 bits, and whether a remainder is left,
determine the rounding.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.elementary.extended_floats import make_square_root
from numlean_kernels.elementary.outcome import EXACT, ROUNDED
from numlean_kernels.elementary.wide import make_wide_add, make_wide_normalise
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_PRECISION: Final = 24
_FARTHEST: Final = 14


def _make_hypotenuse(builder: RoutineBuilder) -> Routine:
    """Return ``hypotenuse(e, m, f, n) -> (kind, e, m)`` of two reals of 24 bits.

    The first is at least the second.
    """
    word, signed, high = builder.word, builder.signed, builder.target.high_product(64)
    add, normalise = builder.routine(make_wide_add), builder.routine(make_wide_normalise)
    square_root = builder.routine(make_square_root)
    farthest, cut, zero = signed(_FARTHEST), word(64 - _PRECISION), word(0)
    # The integers count units of 2**(f - 23); a wide fraction is their squares over 2**128.
    exponent, odd, one = signed(128 - 2 * (_PRECISION - 1) - 1), signed(1), word(1)
    half_word, two = word(32), signed(2)

    def hypotenuse(e: Any, m: Any, f: Any, n: Any) -> Any:
        distance = signed(e - f)
        if distance > farthest:
            return ROUNDED, e, m
        long, short = word(word(m >> cut) << word(distance)), word(n >> cut)
        a, b = add(high(long, long), word(long * long), zero, word(short * short))
        g, a, b = normalise(a, b)
        g = signed(signed(g + exponent) + signed(two * f))
        is_even = signed(g & odd) == 0
        # The radicand is a, or half of it, so that its exponent is even.
        u = word(a >> one) if is_even else a
        lost = (b != zero) | (is_even & (word(a & one) != zero))
        g, r = square_root(g, a)
        r = word(r >> half_word)
        rest = word(u - word(r * r))
        if rest > word(r + r):
            rest = word(rest - word(word(r + r) + one))
            r = word(r + one)
        is_exact = (rest == zero) & (not lost)
        return (EXACT if is_exact else ROUNDED), g, word(r << half_word)

    return hypotenuse


CORES: Final[dict[str, Maker]] = {"hypot": _make_hypotenuse}
"""``hypotenuse(e, m, f, n) -> (kind, e, m)`` by the name of the function."""
