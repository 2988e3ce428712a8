"""The correct results of fixed-point operations: the whole arithmetic in one line."""

from __future__ import annotations

from fractions import Fraction

from numlean.scalar.protocol import Scalar, Storage
from numlean.testing import Reference

GREATEST = (1 << 31) - 1


class FixedReference(Reference):
    """The reference: ``round`` goes to the nearest, ties to even."""

    has_infinity = False
    has_signed_zero = False

    def __init__(self, scalar: Scalar, fraction_bits: int) -> None:
        super().__init__(scalar, precision=fraction_bits + 1)
        self.unit = Fraction(1, 1 << fraction_bits)

    def rounded(self, q: Fraction, sign_of_zero: float = 1.0) -> Fraction | float:
        """Return a multiple of the unit, saturated."""
        return max(-GREATEST, min(GREATEST, round(q / self.unit))) * self.unit or 0.0

    def infinite(self, sign: float) -> Fraction | float:
        """Return the greatest number."""
        return (GREATEST if sign > 0 else -GREATEST) * self.unit

    def edges(self) -> Storage:
        """Return zero, the least, one, the greatest, and NaN."""
        unit = float(self.unit)
        values = [0.0, unit, 1.0, 1.0 + unit, 1.5, 3.0, GREATEST * unit, (GREATEST - 1) * unit]
        return self.scalar.from_float([*values, *(-v for v in values), float("nan")])
