"""Functions as polynomials of degree four on pieces of their domain.

No product exceeds a word and nothing branches, so a loop becomes vector code, where table look-ups
cost most: the five coefficients of a piece are packed in three words.

**Notation.** t in [0, 1) is the position of an operand in its piece; r is t, cut to 32 bits if it
has more. A value is v * 2**(e - 63), where v is a word of at least 2**62, and e is chosen for the
piece. So a *unit* of v is 2**-63 of the *scale* 2**e of the piece; a *coarse* unit is 2**-40 of it.

**Polynomial.** c0 + c1*t + ... + c4*t**4 has the values of the function at the Chebyshev nodes of
the piece, (1 + cos((2*j + 1) * pi/10)) / 2, so it is off by at most w**5 / (5! * 2**9) times the
fifth derivative of the function somewhere in the piece, where w is its width. c0 is in units, c1 in
units of 2**-48 of the scale, the others, together below 2**-9 of it, in coarse units. The slope, c1
+ r*(c2 + r*(c3 + r*c4)), must be below 2**-4 of the scale. It must not be negative: a function that
is not constant must rise in its piece, everywhere more steeply than 2**-37 of the scale.

**Rounding error**, in coarse units. c2, c3 and c4 are off by half of one each; two cuts in c2 +
r*(c3 + r*c4) make less than two, that of t to r less than 0.6, and that of t to 38 bits, if it has
more, less than 0.25. c0, c1, their packing and the other cuts make less than 0.1. In all these are
less than 4.5 coarse units, or 9 * 2**22 units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import mul
from typing import Any, Final, TypeAlias

import numpy as np

from numlean_kernels.elementary.constants import Real, context, units, words
from numlean_kernels.elementary.kept_table import kept_table
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_DEGREE: Final = 4
_SLOPE_BITS: Final = 48
_COARSE_BITS: Final = 40
_LAST_BITS: Final = 20
"""Bits of c4, packed below c1."""
_LAST_LIFT: Final = 1 << (_LAST_BITS - 1)
_LIFT: Final = 1 << 31
_SCALE_BITS: Final = 6
"""Bits of the exponent of the scale, packed in place of the last of c0."""
_WORDS_OF_A_PIECE: Final = 3
_COEFFICIENT_BITS: Final = (63 - _SCALE_BITS, _SLOPE_BITS, *3 * (_COARSE_BITS,))
_WORKING_BITS: Final = 112
"""The precision in which coefficients are computed."""

_DIGIT: Final = 19
"""Bits of a factor of the slope, which has 44."""
SPLIT: Final = 2 * _DIGIT
"""Bits of a t that is split into two such factors."""
_CURVED: Final = 32


@dataclass(frozen=True)
class Piece:
    """A rising function where it is less than twice a power of two, and at least half of it.

    Attributes:
        f: The function, on mpmath's reals.
        start: The start of the piece.
        width: The width of the piece.
        e: The exponent of the scale, from -63 to 0.
    """

    f: Callable[[Real], Real]
    start: Real
    width: Real
    e: int


Polynomials: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]
"""Three words per piece."""


def polynomials(pieces: Sequence[Piece]) -> Polynomials:
    """Return the packed coefficients of pieces, in order."""
    with context().workprec(_WORKING_BITS):
        return words([word for piece in pieces for word in _packed(piece)])


def kept_polynomials(name: str, pieces: Callable[[], Sequence[Piece]]) -> Polynomials:
    """Return the packed coefficients of pieces, which are computed once and kept on disk."""

    def is_whole(count: int) -> bool:
        return count > 0 and count % _WORDS_OF_A_PIECE == 0

    return kept_table(f"polynomials {name}", lambda: polynomials(pieces()), fits=is_whole)


def _packed(piece: Piece) -> tuple[int, int, int]:
    nodes, rows = _interpolation()
    values = [units(piece.f(piece.start + piece.width * t), _WORKING_BITS - piece.e) for t in nodes]
    c0, c1, c2, c3, c4 = (
        _rounded(sum(map(mul, row, values)), 2 * _WORKING_BITS - bits)
        for row, bits in zip(rows, _COEFFICIENT_BITS, strict=True)
    )
    # Coefficients that may be negative are lifted.
    slope = (c1 << _LAST_BITS) + c4 + _LAST_LIFT
    return c0 << _SCALE_BITS | -piece.e, slope, (c2 + _LIFT << 32) + c3 + _LIFT


def _rounded(n: int, places: int) -> int:
    return (n + (1 << (places - 1))) >> places


@cache
def _interpolation() -> tuple[list[Real], list[list[int]]]:
    """Return the nodes, and rows that convert values at them to coefficients."""
    mp, count = context(), _DEGREE + 1
    nodes = [(1 + mp.cos((2 * j + 1) * mp.pi / (2 * count))) / 2 for j in range(count)]
    inverse = mp.matrix([[t**k for k in range(count)] for t in nodes]) ** -1
    return nodes, [[units(entry, _WORKING_BITS) for entry in row] for row in inverse.tolist()]


def piecewise(table: Polynomials, bits: int) -> Maker:
    """Return the maker of ``value(index, t) -> (e, v)``.

    t has ``bits`` bits: 15 to 19, or ``SPLIT``. An index beyond the last piece selects the last.
    """

    def make(builder: RoutineBuilder) -> Routine:
        word, signed, long = builder.word, builder.signed, builder.target.signed(64)
        last, row, one, two = (
            word(len(table) // _WORDS_OF_A_PIECE - 1),
            word(_WORDS_OF_A_PIECE),
            word(1),
            word(2),
        )
        last_bits, scale_mask = word(_LAST_BITS), word((1 << _SCALE_BITS) - 1)
        last_mask, last_lift = word((1 << _LAST_BITS) - 1), long(_LAST_LIFT)
        half, half_mask, lift = word(32), word((1 << 32) - 1), long(_LIFT)
        curved = min(bits, _CURVED)
        to_r, r_bits = word(bits - curved), long(curved)
        to_slope = long(curved + _COARSE_BITS - _SLOPE_BITS)
        split = bits == SPLIT
        digit, digit_mask = word(_DIGIT), word((1 << _DIGIT) - 1)
        digit_down = word((_DIGIT if split else bits) + _SLOPE_BITS - 63)
        lower_down = word(2 * _DIGIT + _SLOPE_BITS - 63)

        def value(index: Any, t: Any) -> Any:
            at = word((index if index < last else last) * row)
            # One mention: on CUDA each mention of a table makes a copy, and 64 KiB are available.
            values = table
            start, slope = word(values[at]), word(values[word(at + one)])
            bend = word(values[word(at + two)])
            r = long(word(t >> to_r))
            q = long(long(word(slope & last_mask)) - last_lift)
            q = long(long(long(word(bend & half_mask)) - lift) + (long(q * r) >> r_bits))
            q = long(long(long(word(bend >> half)) - lift) + (long(q * r) >> r_bits))
            slope = word(word(slope >> last_bits) + word(long(long(q * r) >> to_slope)))
            if split:
                growth = word(
                    word(word(slope * word(t >> digit)) >> digit_down)
                    + word(word(slope * word(t & digit_mask)) >> lower_down)
                )
            else:
                growth = word(word(slope * t) >> digit_down)
            return signed(-signed(start & scale_mask)), word(start + growth)

        return value

    return make
