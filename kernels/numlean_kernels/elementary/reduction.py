"""What the argument of a logarithm is multiplied with to come close to one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from numlean_kernels.elementary.constants import context, units

FARTHEST: Final = 320
"""More than any power of two in a logarithm, of either sign, but for binary64."""


@dataclass(frozen=True)
class Reduction:
    """The factors c with m*c near one, for m in [1, 2), chosen by the upper bits of m.

    Next to one the factor is 1, and next to two 1/2, so that near one nothing is lost.

    Attributes:
        index_bits: How many bits of m, below the leading one, choose.
        factor_bits: The factors are in units of ``2**-factor_bits``; two more than index_bits give
            |m*c - 1| <= ``2**-index_bits``.
    """

    index_bits: int
    factor_bits: int

    @cached_property
    def factors(self) -> list[int]:
        """The factors by index."""
        return [self._factor(index) for index in range(1 << self.index_bits)]

    def _factor(self, index: int) -> int:
        if index == 0:
            return 1 << self.factor_bits
        if index == (1 << self.index_bits) - 1:
            return 1 << (self.factor_bits - 1)
        # 1/m for the m in the middle of the interval.
        middle = 2 * ((1 << self.index_bits) + index) + 1
        return round((1 << (self.factor_bits + self.index_bits + 1)) / middle)

    def tables(
        self, base: int | None, bits: int, farthest: int = FARTHEST
    ) -> tuple[list[int], list[int]]:
        """Logarithms of powers of two, the first 2**-farthest, and of the factors' reciprocals.

        In units of ``2**-bits``.
        """
        mp, scale = context(), scale_of(base)
        two = mp.mpf(1) if base == 2 else mp.ln(2) * scale
        powers = [units(k * two, bits) for k in range(-farthest, farthest)]
        logs = [units(self.factor_bits * two - mp.ln(c) * scale, bits) for c in self.factors]
        return powers, logs


WIDE: Final = Reduction(index_bits=7, factor_bits=9)
"""Where the rest has many bits."""


def scale_of(base: int | None) -> Any:
    """What natural logarithms are multiplied with."""
    mp = context()
    return mp.mpf(1) if base is None else 1 / mp.ln(base)
