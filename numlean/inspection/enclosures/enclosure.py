"""Enclosures of real numbers, with signed zeros, infinities and a NaN as points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mpmath import libmp

from numlean.scalar.exact import Exact

ZERO: Final[Exact] = libmp.fzero
ONE: Final[Exact] = libmp.fone
INFINITIES: Final = (libmp.finf, libmp.fninf)

_WIDTH_BITS: Final = 64

LONGEST: Final = 1 << 14
"""The most bits that an argument's reduction, or a quotient's integral part, may take."""


class UndecidedError(Exception):
    """The enclosures at hand do not decide a result, or it would take too much work."""


@dataclass(frozen=True)
class Enclosure:
    """Two finite numbers with a real number between them; or a zero, an infinity or a NaN.

    Attributes:
        low: The lower end.
        high: The upper end.
        negative_zero: Whether it is -0; only of a point.
    """

    low: Exact
    high: Exact
    negative_zero: bool = False

    @classmethod
    def point(cls, value: Exact, *, negative_zero: bool = False) -> Enclosure:
        """Return a number, exactly."""
        return cls(value, value, negative_zero and value == ZERO)

    @classmethod
    def infinity(cls, sign: int) -> Enclosure:
        """Return the infinity of a sign."""
        return cls.point(libmp.finf if sign > 0 else libmp.fninf)

    @classmethod
    def zero(cls, sign: int) -> Enclosure:
        """Return the zero of a sign."""
        return cls.point(ZERO, negative_zero=sign < 0)

    @classmethod
    def hull(cls, parts: Sequence[Enclosure]) -> Enclosure:
        """Return the least enclosure of finite ones.

        Raises:
            UndecidedError: There are several and one is not finite.
        """
        if len(parts) == 1:
            return parts[0]
        if any(part.is_nan or part.is_infinite for part in parts):
            raise UndecidedError("a result next to the end of the domain")
        return cls(least([part.low for part in parts]), greatest([part.high for part in parts]))

    @property
    def is_point(self) -> bool:
        """Whether the number is known exactly."""
        return self.low == self.high

    @property
    def is_nan(self) -> bool:
        """Whether it is a NaN."""
        return bool(self.low == libmp.fnan)

    @property
    def is_infinite(self) -> bool:
        """Whether it is an infinity."""
        return self.low in INFINITIES

    @property
    def is_zero(self) -> bool:
        """Whether it is a zero, exactly."""
        return self.is_point and self.low == ZERO

    @property
    def sign(self) -> int:
        """1 or -1; a zero has one, too.

        Raises:
            UndecidedError: It contains numbers of both signs.
        """
        if self.is_zero:
            return -1 if self.negative_zero else 1
        low, high = libmp.mpf_sign(self.low), libmp.mpf_sign(self.high)
        if low != high or not low:
            raise UndecidedError("the sign of a number so near zero")
        return int(low)

    @property
    def ends(self) -> tuple[Enclosure, ...]:
        """The ends as points; one if it is a point."""
        if self.is_point:
            return (self,)
        return Enclosure.point(self.low), Enclosure.point(self.high)

    @property
    def width(self) -> Exact:
        """The distance of the ends, rounded up; exactly, it may have more bits than any memory."""
        return Exact(*libmp.mpf_sub(self.high, self.low, _WIDTH_BITS, "c"))


NAN: Final = Enclosure.point(libmp.fnan)


def negated(x: Enclosure) -> Enclosure:
    """Return -x."""
    low, high = libmp.mpf_neg(x.high), libmp.mpf_neg(x.low)
    return Enclosure(low, high, x.is_zero and not x.negative_zero)


def absolute(x: Enclosure) -> Enclosure:
    """Return the magnitude of x."""
    low, high = libmp.mpf_abs(x.low), libmp.mpf_abs(x.high)
    straddles = libmp.mpf_sign(x.low) < 0 < libmp.mpf_sign(x.high)
    return Enclosure(ZERO if straddles else least([low, high]), greatest([low, high]))


def least(values: Sequence[Exact]) -> Exact:
    """Return the least of numbers."""
    found = values[0]
    for value in values[1:]:
        found = value if libmp.mpf_lt(value, found) else found
    return found


def greatest(values: Sequence[Exact]) -> Exact:
    """Return the greatest of numbers."""
    found = values[0]
    for value in values[1:]:
        found = value if libmp.mpf_lt(found, value) else found
    return found
