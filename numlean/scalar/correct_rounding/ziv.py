"""Rounding of values that are known by enclosures only.

The value is enclosed at a working precision; if both ends of the enclosure round to the same
number, that is the answer, else the precision is doubled (A. Ziv, "Fast evaluation of elementary
mathematical functions with correctly rounded last bit", ACM TOMS 17(3), 1991). This ends if the
value does not lie on a rounding boundary; values that do are known exactly instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from mpmath import libmp

from numlean.scalar.exact import Exact

_GUARD_BITS: Final = 32
_SLACK_BITS: Final = 8
"""mpmath's functions are off by a few units in the last working place; this allows for 2**8."""

RoundOnce: TypeAlias = Callable[[Exact], Any]
"""From the exact reals to a format."""


@dataclass(frozen=True)
class NearNumber:
    """A value next to a number, on a known side, with no rounding boundary between the two.

    Attributes:
        number: A number with no more bits than the format's.
        above: Whether the value is greater.
    """

    number: Exact
    above: bool

    def rounded(self, precision: int, round_once: RoundOnce) -> Any:
        """Return the number that every value next to this one, on its side, rounds to."""
        off = libmp.mpf_shift(libmp.mpf_abs(self.number), -precision - _GUARD_BITS)
        return round_once((libmp.mpf_add if self.above else libmp.mpf_sub)(self.number, off))


def rounded(approximate: Callable[[int], Exact], precision: int, round_once: RoundOnce) -> Any:
    """Return the value that ``approximate(working_precision)`` approximates, rounded once.

    An approximation is within 2**8 units of the last working place.

    ``precision`` is the format's, from which the working precision starts; the result does not
    depend on it.
    """
    working = precision + _GUARD_BITS
    while True:
        y = approximate(working)
        radius = libmp.mpf_shift(libmp.mpf_abs(y), _SLACK_BITS - working)
        low, high = round_once(libmp.mpf_sub(y, radius)), round_once(libmp.mpf_add(y, radius))
        if low == high:
            return low
        working *= 2
