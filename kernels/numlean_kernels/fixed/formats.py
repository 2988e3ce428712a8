"""Fixed-point formats and arithmetics as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Final, final

import numpy as np

from numlean_kernels.ieee.arithmetic import Rounding

WIDEST: Final = 32
"""The most bits with a sign; one less without, so that sums of a product fit into 64 bits."""


class Beyond(Enum):
    """What stands for a result beyond the range."""

    SATURATE = "saturate"
    """The greatest or the least number."""
    WRAP = "wrap"
    """The number that differs from the result by a multiple of 2**N units."""


@final
@dataclass(frozen=True)
class FixedFormat:
    """A fixed-point format.

    Attributes:
        integer_bits: The bits before the point, the sign included.
        fraction_bits: The bits after the point.
        is_signed: Whether codes have a sign.
    """

    integer_bits: int
    fraction_bits: int
    is_signed: bool = True

    @property
    def name(self) -> str:
        """The dtype's argument: ``4.4``, or ``4.4u`` without a sign."""
        return f"{self.integer_bits}.{self.fraction_bits}{'' if self.is_signed else 'u'}"

    @property
    def width(self) -> int:
        """The number of bits of a code."""
        return self.integer_bits + self.fraction_bits

    @property
    def code_mask(self) -> int:
        """All bits of a code."""
        return (1 << self.width) - 1

    @property
    def sign_mask(self) -> int:
        """The sign bit; 0 if codes have none."""
        return 1 << (self.width - 1) if self.is_signed else 0

    @property
    def greatest(self) -> int:
        """The count of the greatest number."""
        return self.code_mask >> 1 if self.is_signed else self.code_mask

    @property
    def least(self) -> int:
        """The count of the least number."""
        return -self.sign_mask

    @cached_property
    def storage_dtype(self) -> np.dtype[np.unsignedinteger]:
        """The narrowest numpy unsigned integer that holds a code."""
        bits = next(b for b in (8, 16, 32) if b >= self.width)
        return np.dtype(f"uint{bits}")


@final
@dataclass(frozen=True)
class FixedArithmetic:
    """A format, and how results are brought into it.

    Attributes:
        format: The format.
        rounding: The direction of every rounding; not stochastic.
        beyond: What stands for a result beyond the range.
    """

    format: FixedFormat
    rounding: Rounding = Rounding.TIES_TO_EVEN
    beyond: Beyond = Beyond.SATURATE

    @property
    def key(self) -> str:
        """A text that only this arithmetic has."""
        return f"{self.format.name}/{self.rounding.value}/{self.beyond.value}"
