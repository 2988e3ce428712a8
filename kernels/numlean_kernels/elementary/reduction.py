"""Tables that reduce the argument of a logarithm to a number near one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from numlean_kernels.elementary.constants import context, units

FARTHEST: Final = 320
"""An upper bound of the exponents in a logarithm, of either sign, except for binary64."""


@dataclass(frozen=True)
class Reduction:
    """The factors c with m*c near one, for m in [1, 2), selected by the upper bits of m.

    Next to one the factor is 1, and next to two 1/2, so that nothing cancels near one.

    Attributes:
        index_bits: The number of bits of m, below the leading one, that select.
        factor_bits: The factors are in units of ``2**-factor_bits``; two bits more than index_bits
            give |m*c - 1| <= ``2**-index_bits``.
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
        # 1/m for m in the middle of the interval.
        middle = 2 * ((1 << self.index_bits) + index) + 1
        return round((1 << (self.factor_bits + self.index_bits + 1)) / middle)

    def tables(
        self, base: int | None, bits: int, farthest: int = FARTHEST
    ) -> tuple[list[int], list[int]]:
        """Return logarithms of powers of two, and of the reciprocals of the factors.

        The first power is 2**-farthest. Both tables are in units of ``2**-bits``.
        """
        mp, scale = context(), scale_of(base)
        two = mp.mpf(1) if base == 2 else mp.ln(2) * scale
        powers = [units(k * two, bits) for k in range(-farthest, farthest)]
        logs = [units(self.factor_bits * two - mp.ln(c) * scale, bits) for c in self.factors]
        return powers, logs


WIDE: Final = Reduction(index_bits=7, factor_bits=9)
"""The reduction of logarithms whose argument keeps many bits."""


def scale_of(base: int | None) -> Any:
    """Return the factor that converts natural logarithms to a base (None: natural)."""
    mp = context()
    return mp.mpf(1) if base is None else 1 / mp.ln(base)
