"""Screens: cheap enclosures of function values, which settle nearly every rounding."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol

import numpy as np

from numlean.verification.elementary.certified import Value
from numlean.verification.elementary.functions import NEAR, Function, Sides
from numlean.verification.encoding import Floats

MARGIN: Final = 2.0**-44
"""How far, relatively, an estimate may be from the value: some 2**8 ulp of binary64."""

BUDGET: Final = MARGIN / 4
"""How far it may be found to be where that is measured, for the margin to be believed."""

_FAR: Final = 600
"""Powers of two beyond which values are not told apart; no format that is screened has them."""
_FARTHEST: Final = 1100
"""Powers of two that no binary64 number comes near."""


@dataclass(frozen=True)
class Enclosures:
    """An open interval around each value, about a binary64 number y.

    Attributes:
        y: Where side is 0, the value is within ``MARGIN`` of it, relatively, or both are nonzero
            and beyond 2**600 or below 2**-600.
        side: Where 1 or -1, the value is greater or less than y in magnitude, by less than ``HUG``.
    """

    y: Floats
    side: Sides

    def holds(self, k: int, value: Value) -> bool:
        """Whether a value lies inside the interval, and off y by no more than the budget."""
        off, side = self.offset(k, value), int(self.side[k])
        if side == 0:
            return abs(off) <= BUDGET
        is_beyond = off > 0 or (off == 0 and value.more)
        return abs(off) < NEAR and (is_beyond if side > 0 else off < 0)

    def offset(self, k: int, value: Value) -> float:
        """How much greater the magnitude of a value is than that of y, relatively."""
        y, e = abs(float(self.y[k])), value.magnitude.bit_length() + value.exponent
        if value.magnitude == 0:
            e = -_FAR - 1 if value.more else 0
        if (e > _FAR and y > 2.0**_FAR) or (e < -_FAR and 0 < y < 2.0**-_FAR):
            return 0.0
        if not 0 < y < np.inf or abs(e) > _FARTHEST:
            return float("inf")
        return float(value.magnitude * Fraction(2) ** value.exponent / Fraction(y) - 1)


class Screen(Protocol):
    """Where cheap enclosures come from.

    If you implement one: an enclosure that does not hold is found by chance only, where values are
    measured, so have a proof, or a margin with room.

    Attributes:
        summary: What it computes by, and how far off, for people.
    """

    summary: str

    def enclose(self, function: Function, x: list[Floats]) -> Enclosures:
        """The values at finite nonzero operands for which the function has one.

        What it says of other operands is ignored.
        """


class Libm:
    """The processor's and numpy's binary64, with a margin that must be, and is, measured."""

    summary = "binary64 of libm and numpy, taken to be within 2^-44"

    def enclose(self, function: Function, x: list[Floats]) -> Enclosures:
        """See :class:`Screen`."""
        with np.errstate(all="ignore"):
            y = function.estimate(*x)
            side = np.zeros(y.shape, np.int8)
            for hug in function.near_exact_cases:
                where, number, sign = hug(*x)
                if where.any():
                    y = np.where(where, number, y)
                    side[where] = sign[where] if isinstance(sign, np.ndarray) else sign
        return Enclosures(y, side)
