"""Binary floating-point formats as data (IEEE 754-2019, clause 3; OCP 8-bit formats, 2023).

A format is given by a few numbers. This module derives everything else about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np


@dataclass(frozen=True)
class Format:
    """A binary format with a sign, a biased exponent and a trailing significand.

    Attributes:
        name: The name in dtypes and errors.
        exponent_bits: The width of the biased exponent field.
        trailing_bits: The width of the trailing significand field, one less than the precision.
        has_infinity: Whether the largest biased exponent is reserved for infinities and NaNs, as in
            IEEE 754. If not, it encodes numbers too, and only the magnitude of all ones is a NaN.
    """

    name: str
    exponent_bits: int
    trailing_bits: int
    has_infinity: bool = True

    @property
    def key(self) -> str:
        """The widths of the fields, ``e8m7``, and ``fn`` if there is no infinity: ``e4m3fn``.

        Formats with equal keys have the same encodings, whatever their names.
        """
        return f"e{self.exponent_bits}m{self.trailing_bits}{'' if self.has_infinity else 'fn'}"

    @property
    def width(self) -> int:
        """The number of bits of an encoding, including the sign."""
        return 1 + self.exponent_bits + self.trailing_bits

    @property
    def precision(self) -> int:
        """The number of significant bits of a normal number, called p in the standard."""
        return self.trailing_bits + 1

    @property
    def bias(self) -> int:
        """The difference between a biased exponent and the exponent."""
        return (1 << (self.exponent_bits - 1)) - 1

    @property
    def emax(self) -> int:
        """The largest exponent of a finite number."""
        return (self.max_finite >> self.trailing_bits) - self.bias

    @property
    def emin(self) -> int:
        """The exponent of the smallest normal number."""
        return 1 - self.bias

    @property
    def sign_mask(self) -> int:
        """The sign bit, in place."""
        return 1 << (self.width - 1)

    @property
    def magnitude_mask(self) -> int:
        """All bits except the sign."""
        return self.sign_mask - 1

    @property
    def implicit_bit(self) -> int:
        """The leading significand bit of normal numbers, which encodings omit."""
        return 1 << self.trailing_bits

    @property
    def trailing_mask(self) -> int:
        """The trailing significand field, in place."""
        return self.implicit_bit - 1

    @property
    def exponent_limit(self) -> int:
        """The largest biased exponent: a field of ones."""
        return (1 << self.exponent_bits) - 1

    @property
    def infinity(self) -> int:
        """The encoding of +infinity; in a format without infinity, of the NaN in its place."""
        return self.max_finite + 1

    @property
    def max_finite(self) -> int:
        """The encoding of the largest finite number."""
        if self.has_infinity:
            return (self.exponent_limit << self.trailing_bits) - 1
        return self.magnitude_mask - 1

    @property
    def max_number(self) -> int:
        """The largest magnitude that is not a NaN."""
        return self.infinity if self.has_infinity else self.max_finite

    @property
    def quiet_bit(self) -> int:
        """The bit that distinguishes a quiet NaN from a signalling one (clause 6.2.1)."""
        return self.implicit_bit >> 1

    @property
    def default_nan(self) -> int:
        """The encoding of the NaN that an invalid operation returns."""
        return self.infinity | self.quiet_bit

    @property
    def zero(self) -> int:
        """The encoding of +0."""
        return 0

    @property
    def one(self) -> int:
        """The encoding of 1."""
        return self.bias << self.trailing_bits

    def contains(self, other: Format) -> bool:
        """Return whether the format has every number of another one, infinities included."""
        return (
            other.precision <= self.precision
            and other.emax <= self.emax
            and other.emin - other.trailing_bits >= self.emin - self.trailing_bits
            and self.has_infinity >= other.has_infinity
        )

    def format_bits(self, bits: int) -> str:
        """Return an encoding as text: hexadecimal, then sign, exponent and trailing field."""
        binary = f"{bits:0{self.width}b}"
        split = 1 + self.exponent_bits
        fields = f"{binary[0]} {binary[1:split]} {binary[split:]}"
        return f"{bits:#0{2 + -(-self.width // 4)}x}   {fields}"

    @cached_property
    def storage_dtype(self) -> np.dtype[np.unsignedinteger]:
        """The narrowest numpy unsigned integer that holds an encoding."""
        bits = next(b for b in (8, 16, 32, 64) if b >= self.width)
        return np.dtype(f"uint{bits}")


BINARY16 = Format("binary16", exponent_bits=5, trailing_bits=10)
BINARY32 = Format("binary32", exponent_bits=8, trailing_bits=23)
BINARY64 = Format("binary64", exponent_bits=11, trailing_bits=52)
BFLOAT16 = Format("bfloat16", exponent_bits=8, trailing_bits=7)
TF32 = Format("tf32", exponent_bits=8, trailing_bits=10)
E5M2 = Format("e5m2", exponent_bits=5, trailing_bits=2)
E4M3 = Format("e4m3", exponent_bits=4, trailing_bits=3, has_infinity=False)

_BY_WIDTHS: Final = {
    (f.exponent_bits, f.trailing_bits): f
    for f in (BINARY16, BINARY32, BINARY64, BFLOAT16, TF32, E5M2)
}


def format_of_key(key: str) -> Format:
    """Return a format with this key.

    Raises:
        ValueError: The text is not a key.
    """
    match = re.fullmatch(r"e(\d{1,9})m(\d{1,9})(fn)?", key, re.ASCII)
    if match is None:
        raise ValueError(f"{key!r} is not the key of a format, such as e8m7 or e4m3fn")
    return Format(key, int(match[1]), int(match[2]), has_infinity=match[3] is None)


EXPONENT_BITS: Final = range(2, 12)
TRAILING_BITS: Final = range(1, 53)


def parse_format(text: str) -> Format:
    """Return the IEEE format of a text such as ``e5m10``; a standard format if it is one.

    Raises:
        ValueError: The text has another form, or a width is out of range.
    """
    match = re.fullmatch(r"e(\d{1,2})m(\d{1,2})", text, re.ASCII)
    exponent_bits, trailing_bits = map(int, match.groups()) if match else (0, 0)
    if exponent_bits not in EXPONENT_BITS or trailing_bits not in TRAILING_BITS:
        raise ValueError(
            f"{text!r} is not a format: write eXmY with X exponent bits from {EXPONENT_BITS[0]} to"
            f" {EXPONENT_BITS[-1]} and Y trailing significand bits from {TRAILING_BITS[0]} to"
            f" {TRAILING_BITS[-1]}, as in e5m10"
        )
    return _BY_WIDTHS.get(
        (exponent_bits, trailing_bits),
        Format(f"ieee:{text}", exponent_bits, trailing_bits),
    )
