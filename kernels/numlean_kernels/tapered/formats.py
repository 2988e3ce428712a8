"""Posits and takums as data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Final, final

import numpy as np

WIDEST: Final = 32
"""The most bits of a code: products of significands fit into a word of 64 bits."""


@dataclass(frozen=True)
class TaperedFormat(ABC):
    """A tapered format.

    Attributes:
        width: The number of bits of a code, N.
    """

    width: int

    @property
    @abstractmethod
    def key(self) -> str:
        """A text that only this format has."""

    @property
    @abstractmethod
    def precision(self) -> int:
        """The most significant bits that a number has, as those near one have."""

    @property
    @abstractmethod
    def least_exponent(self) -> int:
        """An exponent below which every magnitude is less than the least number."""

    @property
    @abstractmethod
    def exponent_limit(self) -> int:
        """The exponent from which on every magnitude becomes the greatest number."""

    @property
    def code_mask(self) -> int:
        """All bits of a code."""
        return (1 << self.width) - 1

    @property
    def nar(self) -> int:
        """The code of NaR."""
        return 1 << (self.width - 1)

    @property
    def greatest(self) -> int:
        """The code of the greatest number."""
        return self.nar - 1

    @cached_property
    def storage_dtype(self) -> np.dtype[np.unsignedinteger]:
        """The narrowest numpy unsigned integer that holds a code."""
        bits = next(b for b in (8, 16, 32) if b >= self.width)
        return np.dtype(f"uint{bits}")


@final
@dataclass(frozen=True)
class Posit(TaperedFormat):
    """A posit (Posit Standard 2022, where ``exponent_size`` is 2).

    The head is the regime: for k >= 0, k + 1 ones and a zero; for k < 0, -k zeros and a one. The
    exponent is k * 2**exponent_size plus the next ``exponent_size`` bits.

    Attributes:
        exponent_size: The number of exponent bits after the regime, ES.
    """

    exponent_size: int = 2

    @property
    def key(self) -> str:
        """The widths: ``posit16.2``."""
        return f"posit{self.width}.{self.exponent_size}"

    @property
    def precision(self) -> int:
        """The bits that a regime of two bits leaves, and the leading one."""
        return max(self.width - 2 - self.exponent_size, 1)

    @property
    def least_exponent(self) -> int:
        """The exponent of the least number."""
        return -self.exponent_limit

    @property
    def exponent_limit(self) -> int:
        """The exponent of the greatest number, a power of two."""
        return (self.width - 2) << self.exponent_size


@final
@dataclass(frozen=True)
class Takum(TaperedFormat):
    """A linear takum.

    The head has four bits: D, which is one where the exponent c is not negative, and the number r
    of further bits of the exponent, from 0 to 7, in three bits that are inverted where D is zero.
    Then r bits tell c from the least one of this r. Formats of fewer than 12 bits have the first
    bits of longer strings.
    """

    @property
    def key(self) -> str:
        """The width: ``takum16``."""
        return f"takum{self.width}"

    @property
    def precision(self) -> int:
        """The bits that a head leaves where r is 0, and the leading one."""
        return self.width - 4

    @property
    def least_exponent(self) -> int:
        """The least c."""
        return -255

    @property
    def exponent_limit(self) -> int:
        """One more than the greatest c."""
        return 255


def format_of_key(key: str) -> TaperedFormat:
    """Return the format of a key."""
    if key.startswith("takum"):
        return Takum(int(key.removeprefix("takum")))
    width, size = key.removeprefix("posit").split(".")
    return Posit(int(width), int(size))
