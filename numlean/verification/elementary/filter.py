"""Filters: cheap enclosures of function values, which decide nearly every rounding."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol

import numpy as np

from numlean.verification.elementary.certified import Value
from numlean.verification.elementary.functions import NEAR, Function, Sides
from numlean.verification.encoding import Floats

MARGIN: Final = 2.0**-44
"""The allowed relative error of an estimate: about 2**8 ulp of binary64."""

BUDGET: Final = MARGIN / 4
"""The greatest measured error at which the margin is still trusted."""

_FAR: Final = 600
"""The exponent beyond which values are not distinguished; no filtered format reaches it."""
_FARTHEST: Final = 1100
"""An exponent far beyond those of binary64."""


@dataclass(frozen=True)
class Enclosures:
    """An open interval around each value, given by a binary64 number y.

    Attributes:
        y: Where side is 0, the value is within ``MARGIN`` of it, relatively, or both are nonzero
            and beyond 2**600 or below 2**-600.
        side: Where 1 or -1, the value is greater or less than y in magnitude, by less than
            ``NEAR``.
    """

    y: Floats
    side: Sides

    def holds(self, k: int, value: Value) -> bool:
        """Return whether a value lies inside the interval, and off y by at most the budget."""
        off, side = self.offset(k, value), int(self.side[k])
        if side == 0:
            return abs(off) <= BUDGET
        is_beyond = off > 0 or (off == 0 and value.more)
        return abs(off) < NEAR and (is_beyond if side > 0 else off < 0)

    def offset(self, k: int, value: Value) -> float:
        """Return how much greater the magnitude of a value is than that of y, relatively."""
        y, e = abs(float(self.y[k])), value.magnitude.bit_length() + value.exponent
        if value.magnitude == 0:
            e = -_FAR - 1 if value.more else 0
        if (e > _FAR and y > 2.0**_FAR) or (e < -_FAR and 0 < y < 2.0**-_FAR):
            return 0.0
        if not 0 < y < np.inf or abs(e) > _FARTHEST:
            return float("inf")
        return float(value.magnitude * Fraction(2) ** value.exponent / Fraction(y) - 1)


class Filter(Protocol):
    """A source of cheap enclosures.

    If you implement one: a wrong enclosure is found only by chance, where values are measured, so
    have a proof or a generous margin.

    Attributes:
        summary: Its method and its error, in words.
    """

    summary: str

    def enclose(self, function: Function, x: list[Floats]) -> Enclosures:
        """Return the values at finite nonzero operands for which the function has one.

        Values at other operands are ignored.
        """


class Libm:
    """The binary64 functions of the processor and numpy, with a margin that is measured."""

    summary = "binary64 of libm and numpy, taken to be within 2^-44"

    def enclose(self, function: Function, x: list[Floats]) -> Enclosures:
        """Return the values: see :class:`Filter`."""
        with np.errstate(all="ignore"):
            y = function.estimate(*x)
            side = np.zeros(y.shape, np.int8)
            for hug in function.near_exact_cases:
                where, number, sign = hug(*x)
                if where.any():
                    y = np.where(where, number, y)
                    side[where] = sign[where] if isinstance(sign, np.ndarray) else sign
        return Enclosures(y, side)
