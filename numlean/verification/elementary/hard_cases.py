"""The hardest operands: those whose value is nearest to a rounding boundary, but not on it.

Small arguments, and values next to one, are near a boundary for a reason that a formula gives
(sin(x) is slightly less than x). They would crowd out the cases that are near by chance, which no
formula finds, so they do not count here.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest
from typing import Final, NamedTuple

from numlean.verification.elementary.certified import Value
from numlean_kernels.formats import Format

_KEPT: Final = 16
_LEAST: Final = 2.0**-12
"""Smaller arguments are small, and values closer to one are next to it."""


class HardCase(NamedTuple):
    """An operand, or a pair of them, and the distance of its value from a rounding boundary.

    Attributes:
        distance: The distance in units of the value's last place.
        operands: The encodings.
    """

    distance: float
    operands: tuple[int, ...]


def distance(format: Format, operands: Iterable[float], value: Value) -> float | None:
    """Return the distance of a value from a multiple of half an ulp; None if it does not count."""
    magnitude, exponent = value.magnitude, value.exponent
    if value.special or not magnitude or any(abs(x) < _LEAST for x in operands):
        return None
    e = magnitude.bit_length() - 1 + exponent
    places = e - format.trailing_bits - 1 - exponent
    if not format.emin <= e <= format.emax or places <= 0:
        return None
    if abs(magnitude * 2.0**exponent - 1) < _LEAST:
        return None
    half = 1 << places
    rest = magnitude % half
    if rest == 0 and not value.more:
        return None
    return min(rest, half - rest) / half / 2


def hardest(*cases: Iterable[HardCase]) -> tuple[HardCase, ...]:
    """Return the hardest of all cases, the hardest first."""
    return tuple(nsmallest(_KEPT, {case for several in cases for case in several}))
