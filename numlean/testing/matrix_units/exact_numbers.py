"""Numbers as Python integers: exact multiples of one power of two, and their roundings.

**Notation.** A finite number is an integer x that stands for the rational x / 2**unit, where the
unit is fixed for a computation and small enough for all its exact values. The numbers that an
integer cannot be are floats: -0.0, both infinities and NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from numlean_kernels.formats import Format

Number: TypeAlias = int | float
"""An integer number of units, or one of the floats -0.0, inf, -inf and nan."""

SPECIAL: Final = 1 << 20
"""The exponent that stands for that of an infinity or a NaN: greater than every other sum."""

ZERO_EXPONENT: Final = -126
"""The exponent of a zero, where a model counts it."""


class Direction(Enum):
    """The directions in which a number is rounded to a multiple of a power of two."""

    NEAREST = "nearest, ties to even"
    TOWARD_ZERO = "toward zero"
    DOWN = "toward -infinity"


@dataclass(frozen=True)
class Grid:
    """The numbers that a result is rounded to.

    Attributes:
        precision: The number of significant bits.
        emin: The exponent of the smallest normal number; smaller ones have fewer bits.
        emax: The exponent of the greatest number; results from 2**(emax + 1) on are infinite.
    """

    precision: int
    emin: int
    emax: int


BINARY32_GRID: Final = Grid(24, -126, 127)
BINARY16_GRID: Final = Grid(11, -14, 15)
BINARY64_GRID: Final = Grid(53, -1022, 1023)
E8M13_GRID: Final = Grid(14, -126, 127)


def multiple_of(x: int, shift: int, direction: Direction) -> int:
    """Return an integer rounded to a multiple of 2**shift."""
    if shift <= 0:
        return x
    if direction is Direction.DOWN:
        return (x >> shift) << shift
    below, rest = abs(x) >> shift, abs(x) & ((1 << shift) - 1)
    half = 1 << (shift - 1)
    if direction is Direction.NEAREST and (rest > half or (rest == half and below % 2 == 1)):
        below += 1
    return (-below if x < 0 else below) << shift


def exponent_of(x: int, unit: int) -> int:
    """Return the e with 2**e <= abs(x) < 2**(e + 1), for x other than zero."""
    return x.bit_length() - 1 - unit


def rounded(x: int, unit: int, grid: Grid, direction: Direction) -> Number:
    """Return a number rounded to a grid: infinite if it is then too large, and 0 for all zeros."""
    if x == 0:
        return 0
    e = max(exponent_of(x, unit), grid.emin)
    z = multiple_of(x, e - (grid.precision - 1) + unit, direction)
    if abs(z) >> (grid.emax + 1 + unit):
        return -math.inf if x < 0 else math.inf
    return z


def rounded_ieee(x: int, unit: int, grid: Grid) -> Number:
    """Return a number rounded to nearest: a negative one that becomes zero is -0."""
    z = rounded(x, unit, grid, Direction.NEAREST)
    return -0.0 if z == 0 and x < 0 else z


def is_negative(x: Number) -> bool:
    """Return whether a number has a minus sign; -0 does."""
    return x < 0 if isinstance(x, int) else math.copysign(1.0, x) < 0


def is_finite(x: Number) -> bool:
    """Return whether a number is neither infinite nor NaN."""
    return isinstance(x, int) or x == 0


def add(x: Number, y: Number, unit: int, grid: Grid) -> Number:
    """Return x + y, rounded to nearest, as IEEE 754 defines it."""
    if not (is_finite(x) and is_finite(y)):
        return sum_of_specials((x, y))
    if x == 0 == y:
        return -0.0 if is_negative(x) and is_negative(y) else 0
    return rounded_ieee(int(x) + int(y), unit, grid)


def sum_of_specials(terms: Iterable[Number]) -> Number:
    """Return the sum of terms of which one is infinite or a NaN: that infinity, or NaN."""
    # A sum of floats has no other value: NaN for a NaN or two infinities, else the infinity.
    return sum(0.0 if isinstance(x, int) else x for x in terms)


def multiply_exactly(x: Number, y: Number) -> Number:
    """Return x * y without a rounding, in twice the unit; the sign of a zero is that of IEEE 754.

    Infinity times zero is NaN.
    """
    if isinstance(x, int) and isinstance(y, int) and x and y:
        return x * y
    if x != x or y != y:
        return math.nan
    negative = is_negative(x) != is_negative(y)
    if math.inf in (abs(x), abs(y)):
        return math.nan if x == 0 or y == 0 else (-math.inf if negative else math.inf)
    return -0.0 if negative else 0


def fma(x: Number, y: Number, z: Number, unit: int, grid: Grid) -> Number:
    """Return x * y + z, rounded once to nearest; x and y are in half of the unit."""
    return add(multiply_exactly(x, y), z, unit, grid)


class Codec:
    """Encodings of a format, from and to numbers in a unit.

    Args:
        format: The format.
        unit: The numbers are multiples of 2**-unit.
        nan: The encoding of NaN results.

    Raises:
        ValueError: The format has finite numbers that are not multiples of 2**-unit.
    """

    def __init__(self, format: Format, unit: int, nan: int = 0) -> None:
        if unit < format.trailing_bits - format.emin:
            raise ValueError(f"{format.name} has numbers that are not multiples of 2**-{unit}")
        self.format, self.unit, self._nan = format, unit, nan
        self._sign, self._magnitude = format.sign_mask, format.magnitude_mask
        self._bits, self._trailing = format.trailing_bits, format.trailing_mask
        self._implicit, self._bias = format.implicit_bit, format.bias
        self._emin, self._emax = format.emin, format.emax
        self._max_finite, self._infinity = format.max_finite, format.infinity

    def decode(self, code: int) -> tuple[Number, int]:
        """Return the number of an encoding, and the exponent of its significand.

        The exponent of a subnormal number is emin of the format, that of a zero ``ZERO_EXPONENT``.
        """
        magnitude = code & self._magnitude
        if magnitude > self._max_finite or not magnitude:
            return self._special(code)
        biased = magnitude >> self._bits
        significand = magnitude & self._trailing
        if biased:
            significand |= self._implicit
        e = max(biased, 1) - self._bias
        x = significand << (e - self._bits + self.unit)
        return (-x if code & self._sign else x), e

    def _special(self, code: int) -> tuple[Number, int]:
        if self.format.is_nan(code):
            return math.nan, SPECIAL
        if code & self._magnitude:
            return (-math.inf if code & self._sign else math.inf), SPECIAL
        return (-0.0 if code & self._sign else 0), ZERO_EXPONENT

    def encode(self, x: Number) -> int:
        """Return the encoding of a number that the format has.

        Raises:
            ValueError: It does not have it.
        """
        if not isinstance(x, int):
            if x != x:
                return self._nan
            sign = self._sign if math.copysign(1.0, x) < 0 else 0
            return sign | self._infinity if x else sign
        if x == 0:
            return 0
        e = max(x.bit_length() - 1 - self.unit, self._emin)
        shift = e - self._bits + self.unit
        significand = abs(x) >> shift
        if significand << shift != abs(x) or e > self._emax:
            raise ValueError(f"{x} / 2**{self.unit} is not a number of {self.format.name}")
        biased = e + self._bias if significand & self._implicit else 0
        sign = self._sign if x < 0 else 0
        return sign | biased << self._bits | significand & self._trailing
