"""Arrays of exact numbers: sums and products of numbers of any Scalar without rounding."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, TypeAlias, final

import numpy as np

from numlean.analysis.drift.ulp_scale import Floats
from numlean.scalar.exact import exact_of
from numlean.scalar.protocol import Scalar, Storage
from numlean_kernels.formats import BINARY64, Format

Booleans: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

_EXACT_BITS: Final = 1000
"""An integer of at most so many bits is within the range of binary64."""


@final
@dataclass(frozen=True)
class ExactArray:
    """The numbers ``integers * 2**exponent``.

    Attributes:
        integers: Python integers, in an array of objects.
        exponent: The exponent of all of them.
    """

    integers: np.ndarray[Any, Any]
    exponent: int

    @classmethod
    def of(cls, scalar: Scalar, x: Storage) -> ExactArray:
        """Return numbers of a Scalar; those that are not finite count as 0."""
        if embeds_in_binary64(scalar.format):
            significands, exponents = _of_floats(scalar.to_float(np.ascontiguousarray(x)))
        else:
            significands, exponents = _of_exact(scalar.to_exact(np.ascontiguousarray(x)))
        least = min(exponents, default=0)
        integers = np.empty(len(significands), object)
        integers[:] = [n << (e - least) for n, e in zip(significands, exponents, strict=True)]
        return cls(integers.reshape(x.shape), least)

    def __add__(self, other: ExactArray) -> ExactArray:
        a, b, exponent = _aligned(self, other)
        return ExactArray(a + b, exponent)

    def __sub__(self, other: ExactArray) -> ExactArray:
        a, b, exponent = _aligned(self, other)
        return ExactArray(a - b, exponent)

    def __mul__(self, other: ExactArray) -> ExactArray:
        return ExactArray(self.integers * other.integers, self.exponent + other.exponent)

    def __matmul__(self, other: ExactArray) -> ExactArray:
        """Return the exact products of two matrices, or of batches of matrices."""
        return ExactArray(self.integers @ other.integers, self.exponent + other.exponent)

    def reshape(self, *shape: int) -> ExactArray:
        """Return the same numbers in another shape."""
        return ExactArray(self.integers.reshape(*shape), self.exponent)

    def swapped(self) -> ExactArray:
        """Return the same numbers with the last two axes exchanged."""
        return ExactArray(np.swapaxes(self.integers, -1, -2), self.exponent)

    def fractions(self) -> list[Fraction]:
        """Return the numbers in C order."""
        unit = Fraction(2) ** self.exponent
        return [Fraction(int(n)) * unit for n in self.integers.flat]

    def floats(self) -> Floats:
        """Return the numbers as binary64: rounded, infinite beyond its range."""
        flat = [_short(int(n)) for n in self.integers.flat]
        significands = np.array([float(n) for n, _ in flat])
        shifts = np.array([shift + self.exponent for _, shift in flat], np.int64)
        with np.errstate(over="ignore", under="ignore"):
            values: Floats = np.ldexp(significands, np.clip(shifts, -(1 << 20), 1 << 20))
        return values.reshape(self.integers.shape)


def finite(scalar: Scalar, x: Storage) -> Booleans:
    """Return which numbers of a Scalar are finite."""
    if embeds_in_binary64(scalar.format):
        are_finite: Booleans = np.isfinite(scalar.to_float(np.ascontiguousarray(x)))
        return are_finite.reshape(x.shape)
    flags = [exact_of(value).is_finite for value in scalar.to_exact(np.ascontiguousarray(x)).flat]
    return np.array(flags, np.bool_).reshape(x.shape)


def embeds_in_binary64(format: Format | None) -> bool:
    """Return whether every number of a format is a binary64 number."""
    return (
        format is not None
        and format.precision <= BINARY64.precision
        and format.emin - format.precision >= BINARY64.emin - BINARY64.precision
        and format.emax <= BINARY64.emax
    )


def _of_floats(values: Floats) -> tuple[list[int], list[int]]:
    """Return odd integers and exponents of binary64 numbers, 0 where a number is not finite."""
    fractions, exponents = np.frexp(np.where(np.isfinite(values), values, 0.0).reshape(-1))
    significands = np.ldexp(fractions, BINARY64.precision).astype(np.int64)
    lowest = significands & -significands
    zeros = np.where(significands == 0, 0, np.frexp(lowest.astype(np.float64))[1] - 1)
    shown = (significands >> zeros).tolist()
    found = np.where(significands == 0, 0, exponents - BINARY64.precision + zeros).tolist()
    return shown, _without_zeros(shown, found)


def _of_exact(values: Storage) -> tuple[list[int], list[int]]:
    """Return odd integers and exponents of ``mpf`` numbers, 0 where a number is not finite."""
    exact = [exact_of(value) for value in values.flat]
    significands = [-int(x.significand) if x.sign else int(x.significand) for x in exact]
    return significands, _without_zeros(significands, [int(x.exponent) for x in exact])


def _without_zeros(significands: list[int], exponents: list[int]) -> list[int]:
    """Return exponents in which those of zeros are another one's, so that they shift nothing."""
    used = [e for n, e in zip(significands, exponents, strict=True) if n]
    other = min(used, default=0)
    return [e if n else other for n, e in zip(significands, exponents, strict=True)]


def _aligned(a: ExactArray, b: ExactArray) -> tuple[Any, Any, int]:
    """Return the integers of two arrays for one exponent."""
    exponent = min(a.exponent, b.exponent)
    return a.integers << (a.exponent - exponent), b.integers << (b.exponent - exponent), exponent


def _short(n: int) -> tuple[int, int]:
    """Return an integer within binary64's range and a power of two; bits beyond are cut off."""
    excess = max(n.bit_length() - _EXACT_BITS, 0)
    return n >> excess, excess
