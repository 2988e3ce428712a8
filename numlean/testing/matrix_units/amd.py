"""The units of AMD's CDNA generations in exact integers.

Source: ``matrix-units.md``, section "AMD". Where that page leaves a sign of zero open, sums are
those of IEEE 754.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from numlean.testing.matrix_units.block_fma import Operand
from numlean.testing.matrix_units.exact_numbers import (
    BINARY32_GRID,
    SPECIAL,
    ZERO_EXPONENT,
    Grid,
    Number,
    add,
    exponent_of,
    fma,
    is_finite,
    multiply_exactly,
    rounded_ieee,
    sum_of_specials,
)

_BEYOND: Final = 128
"""Products of magnitude 2**128 or more count as infinite on CDNA3."""


@dataclass(frozen=True)
class FmaChain:
    """One fma for each k, ascending.

    Attributes:
        grid: The numbers of the result.
        unit: The numbers are multiples of 2**-unit.
    """

    grid: Grid
    unit: int
    group: int = 1

    def __call__(self, left: Sequence[Operand], right: Sequence[Operand], c: Number) -> Number:
        """Return the next accumulator."""
        for a, b in zip(left, right, strict=True):
            c = fma(a[0], b[0], c, self.unit, self.grid)
        return c


@dataclass(frozen=True)
class RoundedOnce:
    """CDNA1 by Khattak and Mikaitis: the exact sum of the products and c, rounded to nearest."""

    group: int
    unit: int

    def __call__(self, left: Sequence[Operand], right: Sequence[Operand], c: Number) -> Number:
        """Return the next accumulator."""
        terms = [multiply_exactly(a[0], b[0]) for a, b in zip(left, right, strict=True)]
        terms.append(c)
        if not all(map(is_finite, terms)):
            return sum_of_specials(terms)
        return rounded_ieee(sum(map(int, terms)), self.unit, BINARY32_GRID)


@dataclass(frozen=True)
class PairwiseTree:
    """Sums of two, of two sums, and of c and that sum, each rounded to nearest.

    Products are rounded to binary32 too. CDNA1 by MMA-Sim keeps subnormal numbers. CDNA2 flushes
    operands and results.
    """

    group: int
    unit: int
    flushes: bool

    def __call__(self, left: Sequence[Operand], right: Sequence[Operand], c: Number) -> Number:
        """Return the next accumulator."""
        terms = [self._product(a[0], b[0]) for a, b in zip(left, right, strict=True)]
        terms += [0] * (self.group - len(terms))
        while len(terms) > 1:
            terms = [self._sum(x, y) for x, y in zip(terms[::2], terms[1::2], strict=True)]
        return self._sum(self._flushed_operand(c), terms[0])

    def _product(self, a: Number, b: Number) -> Number:
        z = multiply_exactly(a, b)
        if not isinstance(z, int):
            return z
        return self._flushed(rounded_ieee(z, self.unit, BINARY32_GRID))

    def _sum(self, x: Number, y: Number) -> Number:
        return self._flushed(add(x, y, self.unit, BINARY32_GRID))

    def _flushed(self, z: Number) -> Number:
        if (
            self.flushes
            and isinstance(z, int)
            and z
            and exponent_of(z, self.unit) < BINARY32_GRID.emin
        ):
            return -0.0 if z < 0 else 0
        return z

    def _flushed_operand(self, c: Number) -> Number:
        z = self._flushed(c)
        return 0 if z == 0 != c else z


@dataclass(frozen=True)
class TwoStages:
    """CDNA3: products are aligned and summed, and the sum and c are aligned and added.

    Attributes:
        group: The number of products.
        unit: The numbers are multiples of 2**-unit.
        splits_by_parity: Whether products of even and odd k are summed apart, as fp8 is.
        product_bits: The fraction bits of an aligned product.
        sum_bits: Those of the sum of products.
        c_bits: Those of c, and of the sums of even and of odd k.
    """

    group: int
    unit: int
    splits_by_parity: bool
    product_bits: int
    sum_bits: int
    c_bits: int

    def __call__(self, left: Sequence[Operand], right: Sequence[Operand], c: Number) -> Number:
        """Return the next accumulator."""
        exponents = [a[1] + b[1] for a, b in zip(left, right, strict=True)]
        if max(exponents) >= SPECIAL // 2 or not is_finite(c):
            products = [multiply_exactly(a[0], b[0]) for a, b in zip(left, right, strict=True)]
            return sum_of_specials((*map(self._limited, products), c))
        terms = [a[0] * b[0] for a, b in zip(left, right, strict=True)]
        beyond = 1 << (_BEYOND + self.unit)
        if max(terms) >= beyond or min(terms) <= -beyond:
            return sum_of_specials((*map(self._limited, terms), c))
        total, greatest = self._sum(terms, exponents)
        first = int(c)  # a zero without its sign
        e_c = max(exponent_of(first, self.unit), -126) if first else ZERO_EXPONENT
        common = max(greatest, e_c)
        kept_c = self._cut(first, common - self.c_bits)
        if self.splits_by_parity and e_c < common - self.c_bits - 1:
            kept_c = 0
        z = self._cut(total, common - self.sum_bits) + kept_c
        return rounded_ieee(z, self.unit, BINARY32_GRID)

    def _limited(self, x: Number) -> Number:
        if isinstance(x, int) and abs(x) >> (_BEYOND + self.unit):
            return -math.inf if x < 0 else math.inf
        return x

    def _sum(self, terms: list[int], exponents: list[int]) -> tuple[int, int]:
        """Return the sum of aligned products, and their greatest exponent."""
        if not self.splits_by_parity:
            return self._aligned(terms, exponents)
        halves = [self._aligned(terms[part::2], exponents[part::2]) for part in (0, 1)]
        greatest = max(e for _, e in halves)
        return sum(self._cut(x, greatest - self.c_bits) for x, _ in halves), greatest

    def _aligned(self, terms: list[int], exponents: list[int]) -> tuple[int, int]:
        counting = [e for x, e in zip(terms, exponents, strict=True) if x]
        greatest = max(counting, default=-SPECIAL)
        shift = max(greatest - self.product_bits + self.unit, 0)
        return sum([x >> shift if x > 0 else -(-x >> shift) for x in terms]) << shift, greatest

    def _cut(self, x: int, exponent: int) -> int:
        shift = max(exponent + self.unit, 0)
        return x >> shift << shift
