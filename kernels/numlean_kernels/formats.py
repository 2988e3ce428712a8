"""Binary floating-point formats as data (IEEE 754-2019, clause 3).

A format is five numbers; everything else about it is derived here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Format:
    """An IEEE 754 binary interchange format, described by its two field widths.

    Attributes:
        name: The name users write and errors show.
        exponent_bits: Width of the biased exponent field.
        trailing_bits: Width of the trailing significand field, so that the precision is one more.
    """

    name: str
    exponent_bits: int
    trailing_bits: int

    @property
    def width(self) -> int:
        """Bits of an encoding, the sign included."""
        return 1 + self.exponent_bits + self.trailing_bits

    @property
    def precision(self) -> int:
        """Significant bits of a normal number, called p in the standard."""
        return self.trailing_bits + 1

    @property
    def bias(self) -> int:
        """What is added to an exponent e to give the biased exponent."""
        return (1 << (self.exponent_bits - 1)) - 1

    @property
    def emax(self) -> int:
        """Largest exponent of a finite number."""
        return self.bias

    @property
    def emin(self) -> int:
        """Exponent of the smallest normal number."""
        return 1 - self.bias

    @property
    def sign_mask(self) -> int:
        """The sign bit, in place."""
        return 1 << (self.width - 1)

    @property
    def magnitude_mask(self) -> int:
        """Every bit but the sign."""
        return self.sign_mask - 1

    @property
    def implicit_bit(self) -> int:
        """The leading significand bit that a normal number leaves out."""
        return 1 << self.trailing_bits

    @property
    def trailing_mask(self) -> int:
        """The trailing significand field, in place."""
        return self.implicit_bit - 1

    @property
    def exponent_limit(self) -> int:
        """Biased exponent of infinities and NaNs: a field of ones."""
        return (1 << self.exponent_bits) - 1

    @property
    def infinity(self) -> int:
        """Encoding of +infinity; larger magnitudes are NaNs."""
        return self.exponent_limit << self.trailing_bits

    @property
    def quiet_bit(self) -> int:
        """The bit that tells a quiet NaN from a signalling one (clause 6.2.1)."""
        return self.implicit_bit >> 1

    @property
    def default_nan(self) -> int:
        """Encoding of the NaN that an invalid operation gives."""
        return self.infinity | self.quiet_bit

    @property
    def zero(self) -> int:
        """Encoding of +0."""
        return 0

    @property
    def one(self) -> int:
        """Encoding of 1."""
        return self.bias << self.trailing_bits

    @cached_property
    def storage_dtype(self) -> np.dtype[np.unsignedinteger]:
        """The narrowest numpy unsigned integer that holds an encoding."""
        bits = next(b for b in (8, 16, 32, 64) if b >= self.width)
        return np.dtype(f"uint{bits}")


BINARY32 = Format("binary32", exponent_bits=8, trailing_bits=23)
BINARY64 = Format("binary64", exponent_bits=11, trailing_bits=52)
