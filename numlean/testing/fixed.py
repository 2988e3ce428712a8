"""The reference of fixed-point arithmetics: multiples of a unit, in exact rationals."""

from __future__ import annotations

from fractions import Fraction
from typing import final

import numpy as np

from numlean.scalar.protocol import Scalar, Storage
from numlean.testing.reference import Number, Reference
from numlean.testing.rounding import round_to_integer
from numlean_kernels.fixed.formats import Beyond, FixedArithmetic


@final
class FixedReference(Reference):
    """The reference of a fixed-point arithmetic, which has neither NaNs nor infinities."""

    has_infinity = False
    has_signed_zero = False
    has_every_negative = False

    def __init__(self, scalar: Scalar, arithmetic: FixedArithmetic) -> None:
        format = arithmetic.format
        super().__init__(scalar, precision=format.fraction_bits + 1)
        self.unit = Fraction(1, 1 << format.fraction_bits)
        self.arithmetic = arithmetic

    def rounded(self, q: Fraction, sign_of_zero: float = 1.0) -> Number:
        """Return a multiple of the unit; one beyond the range saturates or wraps."""
        format = self.arithmetic.format
        count = round_to_integer(q / self.unit, self.arithmetic.rounding.value)
        if self.arithmetic.beyond is Beyond.WRAP:
            count = (count - format.least) % (1 << format.width) + format.least
        return max(format.least, min(format.greatest, count)) * self.unit or 0.0

    def infinite(self, sign: float) -> Number:
        """Return the greatest or the least number."""
        format = self.arithmetic.format
        return (format.greatest if sign > 0 else format.least) * self.unit or 0.0

    def undefined(self) -> Number:
        """Return zero: it stands for a NaN."""
        return 0.0

    def negated(self, a: Fraction) -> Number:
        """Return the negative, which the least number lacks."""
        return self.rounded(-a)

    def edges(self) -> Storage:
        """Return both ends and their neighbours, zero, the unit, one and its neighbours."""
        format = self.arithmetic.format
        one = min(1 << format.fraction_bits, format.greatest)
        counts = {0, 1, 2, one - 1, one, min(one + 1, format.greatest), one // 2, format.greatest}
        counts |= {format.greatest - 1, format.least, format.least + 1, -1, -one, -(one // 2)}
        codes = sorted({count & format.code_mask for count in counts})
        return np.array(codes, dtype=self.scalar.storage_dtype)

    def random(self, rng: np.random.Generator, count: int) -> Storage:
        """Return random codes, half of them of numbers near one."""
        near = self.scalar.from_float(rng.standard_normal(count - count // 2))
        codes = rng.integers(0, 1 << self.arithmetic.format.width, count // 2, dtype=np.uint64)
        return np.concatenate([codes.astype(near.dtype), near])
