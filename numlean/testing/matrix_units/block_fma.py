"""NVIDIA's block FMA in exact integers: products and an accumulator, aligned, truncated and added.

Source: ``matrix-units.md``, sections "The block FMA" and "The fp8 mma of Hopper and Blackwell", and
what the published models say of it (arXiv 2512.07004 and 2511.10909).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from numlean.testing.matrix_units.exact_numbers import (
    SPECIAL,
    Direction,
    Grid,
    Number,
    add,
    exponent_of,
    is_finite,
    multiple_of,
    multiply_exactly,
    rounded,
    sum_of_specials,
)

Operand: TypeAlias = tuple[Any, int]
"""A number in half of the unit, zeros as 0, and the exponent of its significand."""

_LEAST_EXPONENT: Final = -126
"""The least exponent of an accumulator, whatever its format."""


@dataclass(frozen=True)
class BlockFma:
    """One alignment of the products of up to ``group`` pairs of operands and an accumulator.

    Attributes:
        group: The number of products.
        fraction_bits: The fraction bits below the greatest exponent that survive, called F.
        floor: The least greatest exponent; None if there is none.
        grid: The numbers of the result.
        direction: How the result is rounded.
        unit: The numbers are multiples of 2**-unit.
        zero_exponent: The exponent of zeros, where they count in the greatest exponent: a product
            with the sum of both exponents; None if terms that are zero do not count.
        alignment: How terms are rounded.
        output: The numbers of the output's format, if the result has fewer.
    """

    group: int
    fraction_bits: int
    floor: int | None
    grid: Grid
    direction: Direction
    unit: int
    zero_exponent: int | None = None
    alignment: Direction = Direction.TOWARD_ZERO
    output: Grid | None = None

    @property
    def sum_grid(self) -> Grid:
        """The numbers of a sum of two results."""
        return self.output or self.grid

    def __call__(self, left: Sequence[Operand], right: Sequence[Operand], c: Number) -> Number:
        """Return the next accumulator."""
        exponents = [a[1] + b[1] for a, b in zip(left, right, strict=True)]
        if max(exponents, default=0) >= SPECIAL // 2 or not is_finite(c):
            products = (multiply_exactly(a[0], b[0]) for a, b in zip(left, right, strict=True))
            return sum_of_specials((*products, c))
        terms = [a[0] * b[0] for a, b in zip(left, right, strict=True)]
        terms.append(int(c))  # a zero without its sign
        exponents.append(self._exponent_of_accumulator(terms[-1]))
        if self.zero_exponent is not None:
            # The products that are missing are those of two zeros.
            exponents.append(2 * self.zero_exponent if len(left) < self.group else exponents[0])
        else:
            exponents = [e for e, x in zip(exponents, terms, strict=True) if x]
            if not exponents:
                return 0
        greatest = max(exponents)
        if self.floor is not None:
            greatest = max(greatest, self.floor)
        total = self._aligned_sum(terms, greatest - self.fraction_bits + self.unit)
        return rounded(total, self.unit, self.grid, self.direction)

    def _exponent_of_accumulator(self, c: int) -> int:
        if c == 0:
            return _LEAST_EXPONENT if self.zero_exponent is None else self.zero_exponent
        return max(exponent_of(c, self.unit), _LEAST_EXPONENT)

    def _aligned_sum(self, terms: list[int], shift: int) -> int:
        """Return the sum of multiples of 2**shift, which terms are rounded to."""
        if shift <= 0:
            return sum(terms)
        if self.alignment is Direction.TOWARD_ZERO:
            return sum([x >> shift if x > 0 else -(-x >> shift) for x in terms]) << shift
        return sum(multiple_of(x, shift, self.alignment) for x in terms)


@dataclass(frozen=True)
class InParts:
    """Several block FMAs one after the other, each of products from places of its own.

    The fp8 ``mma`` of Hopper and Blackwell takes first the k with k mod 4 in {0, 1}, then {2, 3},
    and adds the accumulator last, to nearest.

    Attributes:
        block: The block FMA.
        order: The places of an instruction's products, in the order in which they are taken.
        adds_last: Whether the first block starts from +0, and the accumulator is added at the end.
    """

    block: BlockFma
    order: tuple[int, ...]
    adds_last: bool

    @property
    def group(self) -> int:
        """The number of products."""
        return len(self.order)

    @property
    def unit(self) -> int:
        """The numbers are multiples of 2**-unit."""
        return self.block.unit

    def __call__(self, left: Sequence[Operand], right: Sequence[Operand], c: Number) -> Number:
        """Return the next accumulator."""
        total: Number = 0 if self.adds_last else c
        for start in range(0, len(self.order), self.block.group):
            part = self.order[start : start + self.block.group]
            places = [k for k in part if k < len(left)]
            total = self.block([left[k] for k in places], [right[k] for k in places], total)
        return add(total, c, self.unit, self.block.sum_grid) if self.adds_last else total
