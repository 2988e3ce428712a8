"""Comparison of numbers of two formats after both are rounded to the coarser one.

The numbers that two formats have in common have the lesser precision, the greater least exponent
and the lesser greatest magnitude. If one format contains the other, as binary32 contains bfloat16,
these are the numbers of the coarser one. If neither does, they are fewer than those of both: of
bfloat16 and binary16, the numbers of 8 bits that are multiples of 2**-24 and at most 65280.

Both numbers are rounded to the common numbers, in the direction of the Scalar with the lesser
precision. Beyond the greatest, each becomes what overflow gives in the Scalar with the lesser
range. A number of a run is rounded already, so that this is a double rounding, which may give the
neighbour of the number that a single rounding gives. To nearest, that happens only to numbers
halfway between two others; such a number equals both of them. With random rounding, a number equals
both its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import numpy as np

from numlean.analysis.lockstep.number_set import BINARY64_NUMBERS, Neighbours, NumberSet, Values
from numlean.analysis.lockstep.numbers import Number, ulps_between
from numlean.scalar.protocol import Scalar, Storage

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

_BEYOND = 2
"""So many powers of two above the greatest number, every rounding overflows."""


@dataclass(frozen=True)
class CommonNumbers:
    """The numbers that the formats of two Scalars have in common, and the rounding to them.

    Attributes:
        name: The name of the Scalar whose numbers they are; else a description.
        numbers: The numbers.
        rounding: The rounding of the Scalar with the lesser precision.
        overflow: The results for positive and negative numbers of greater magnitude.
        infinite: The results for the two infinities.
        in_binary64: Whether binary64 has the numbers of both formats.
        scalar: The Scalar whose numbers they are; None if neither's.
    """

    name: str
    numbers: NumberSet
    rounding: str
    overflow: tuple[float, float] = (np.inf, -np.inf)
    infinite: tuple[float, float] = (np.inf, -np.inf)
    in_binary64: bool = True
    scalar: Scalar | None = field(default=None, compare=False)

    @classmethod
    def of(cls, a: Scalar, b: Scalar) -> Self:
        """Return the common numbers of two Scalars."""
        sides = [(NumberSet.of(s), s) for s in (a, b)]
        common = sides[0][0].intersection(sides[1][0])
        _, coarser = min(sides, key=lambda side: side[0].fineness)
        own = next((s for numbers, s in sides if numbers == common), None)
        ends = {}
        bounded = [(numbers.greatest, s) for numbers, s in sides if numbers.greatest is not None]
        if bounded:
            ends = _ends_of(min(bounded, key=lambda each: each[0])[1])
        return cls(
            f"the numbers of both {a.name} and {b.name} ({common})" if own is None else own.name,
            common,
            coarser.rounding,
            **ends,
            in_binary64=all(BINARY64_NUMBERS.contains(numbers) for numbers, _ in sides),
            scalar=own,
        )

    def differing(self, a: Scalar, x: Storage, b: Scalar, y: Storage) -> Mask:
        """Return where numbers of two Scalars differ beyond rounding; all NaNs are equal."""
        ours, theirs = self.neighbours(a, x), self.neighbours(b, y)
        equal = [_are_equal(p, q) for p in ours for q in theirs]
        different: Mask = ~np.logical_or.reduce(equal)
        return different

    def neighbours(self, scalar: Scalar, x: Storage) -> Neighbours:
        """Return the common numbers that a number may be rounded to: the lesser and the greater."""
        if self.in_binary64:
            values = scalar.to_float(x)
            found = self.numbers.neighbours_of_floats(values, self.rounding)
        else:
            values = scalar.to_exact(x)
            found = self.numbers.neighbours_of_exact(values, self.rounding)
        return self._bounded(values, found[0]), self._bounded(values, found[1])

    def steps_between(self, a: Scalar, x: Storage, b: Scalar, y: Storage) -> int | None:
        """Return the number of steps of the format from the only number of x up to that of y.

        None if the common numbers are not those of a Scalar with a format, or for a NaN. Of two
        numbers that a number may be rounded to, the nearer one to the other number counts.
        """
        if self.scalar is None or self.scalar.format is None:
            return None
        ours, theirs = (
            [self._number(z.reshape(-1)[0]) for z in self.neighbours(s, each)]
            for s, each in ((a, x), (b, y))
        )
        steps = [ulps_between(p, q) for p in ours for q in theirs]
        known = [each for each in steps if each is not None]
        return min(known, key=abs) if len(known) == len(steps) else None

    def text(self, scalar: Scalar, x: Storage) -> str:
        """Return the common numbers that the only element of an array may be rounded to."""
        low, high = (self._text(z.reshape(-1)[0]) for z in self.neighbours(scalar, x))
        return low if low == high else f"{low} or {high}"

    def _text(self, value: Any) -> str:
        from mpmath import mpf, nstr

        return str(nstr(mpf(value), 17)) if self.scalar is None else str(self._number(value))

    def _number(self, value: Any) -> Number:
        """Return a common number in the Scalar that has them all."""
        from mpmath import mp, mpf

        assert self.scalar is not None
        with mp.workprec(max(self.numbers.precision, BINARY64_NUMBERS.precision)):
            return Number.of(self.scalar, self.scalar.from_exact([mpf(value)]))

    def _bounded(self, values: Values, z: Values) -> Values:
        """Return rounded numbers with those beyond the greatest replaced."""
        with np.errstate(invalid="ignore"):
            beyond, infinite = np.zeros(z.shape, np.bool_), np.abs(values) == np.inf
            if self.numbers.greatest is not None:
                greatest = float(self.numbers.greatest)
                beyond = np.asarray(np.abs(z) > greatest, np.bool_)
            is_positive = np.asarray(values > 0, np.bool_)
        z = np.where(beyond, np.where(is_positive, *self.overflow), z)
        return np.where(infinite, np.where(is_positive, *self.infinite), z)


def _are_equal(x: Values, y: Values) -> Mask:
    both_nan = np.asarray(x != x, np.bool_) & np.asarray(y != y, np.bool_)
    equal: Mask = np.asarray(x == y, np.bool_) | both_nan
    return equal


def _ends_of(scalar: Scalar) -> dict[str, tuple[float, float]]:
    """Return the results of overflow and of infinities in a Scalar with a format."""
    scalar, format = scalar.with_reset_stream(), scalar.format
    assert format is not None
    beyond = 1 << (format.emax + _BEYOND)
    finite = scalar.to_float(scalar.from_exact([beyond, -beyond]))
    infinite = scalar.to_float(scalar.from_float([np.inf, -np.inf]))
    return {
        "overflow": (float(finite[0]), float(finite[1])),
        "infinite": (float(infinite[0]), float(infinite[1])),
    }
