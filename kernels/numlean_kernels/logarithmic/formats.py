"""Logarithmic formats and arithmetics as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, final

import numpy as np

from numlean_kernels.ieee.arithmetic import Rounding

INTEGER_BITS: Final = range(2, 11)
"""The bits of L before the point, the sign included: exponents stay within those of binary64."""

FRACTION_BITS: Final = range(11)
"""The bits of L after the point: the table of sums has (F + 2) * 2**F places."""


@final
@dataclass(frozen=True)
class LogFormat:
    """A logarithmic format.

    Attributes:
        integer_bits: The bits of L before the point, the sign included.
        fraction_bits: The bits of L after the point, F.
    """

    integer_bits: int
    fraction_bits: int

    @property
    def name(self) -> str:
        """The dtype's argument: ``4.4``."""
        return f"{self.integer_bits}.{self.fraction_bits}"

    @property
    def log_bits(self) -> int:
        """The bits of L."""
        return self.integer_bits + self.fraction_bits

    @property
    def width(self) -> int:
        """The number of bits of a code."""
        return 1 + self.log_bits

    @property
    def sign_mask(self) -> int:
        """The sign bit."""
        return 1 << self.log_bits

    @property
    def log_mask(self) -> int:
        """The bits of L."""
        return self.sign_mask - 1

    @property
    def greatest_log(self) -> int:
        """The greatest L."""
        return self.log_mask >> 1

    @property
    def zero(self) -> int:
        """The code of zero: the reserved L."""
        return self.greatest_log + 1

    @property
    def nan(self) -> int:
        """The code of the NaN."""
        return self.sign_mask | self.zero

    @cached_property
    def storage_dtype(self) -> np.dtype[np.unsignedinteger]:
        """The narrowest numpy unsigned integer that holds a code."""
        bits = next(b for b in (8, 16, 32) if b >= self.width)
        return np.dtype(f"uint{bits}")


@final
@dataclass(frozen=True)
class LogArithmetic:
    """A format, and the direction in which it rounds.

    Attributes:
        format: The format.
        rounding: To nearest in L; or one of the directions of the value. It is not stochastic.
    """

    format: LogFormat
    rounding: Rounding = Rounding.TIES_TO_EVEN

    @property
    def key(self) -> str:
        """A text that only this arithmetic has."""
        return f"{self.format.name}/{self.rounding.value}"
