"""A long dot product: how its k are split over chains of instructions, and what is added then.

Source: ``matrix-units.md``, section "Above the instruction".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from numlean.testing.matrix_units.block_fma import Operand
from numlean.testing.matrix_units.exact_numbers import (
    BINARY32_GRID,
    Grid,
    Number,
    add,
    rounded_ieee,
)


class Instruction(Protocol):
    """What adds the products of up to ``group`` pairs of operands to an accumulator."""

    @property
    def group(self) -> int:
        """The number of products."""

    @property
    def unit(self) -> int:
        """The numbers are multiples of 2**-unit."""

    def __call__(self, left: Sequence[Operand], right: Sequence[Operand], c: Number) -> Number:
        """Return the next accumulator."""


@dataclass(frozen=True)
class Chaining:
    """How many instructions follow each other before their results are added.

    Attributes:
        k_block: The k of one chain; the results are added in the output's format. None for all.
        promote_every: The k after which the accumulator is added into a binary32 register and
            restarts from +0; None for never.
        split_k: The number of ranges of k, whose results are added in binary32.
        is_pairwise: Whether the results of ranges are added by a tree instead of in order.
    """

    k_block: int | None = None
    promote_every: int | None = None
    split_k: int = 1
    is_pairwise: bool = False


@dataclass(frozen=True)
class LongDot:
    """A dot product of any k.

    Attributes:
        instruction: What adds products to an accumulator.
        output: The numbers of the output's format.
        chaining: How the k are split.
    """

    instruction: Instruction
    output: Grid
    chaining: Chaining

    def __call__(self, left: Sequence[Operand], right: Sequence[Operand], c: Number) -> Number:
        """Return the dot product of two rows, from the accumulator c of the first instruction."""
        ranges = _parts(len(left), -(-len(left) // self.chaining.split_k))
        results: list[Number] = []
        for part in ranges:
            results.append(self._blocks(left[part], right[part], c))
            c = 0
        if len(results) == 1:
            return results[0]
        return self._in_format(
            self._tree(results) if self.chaining.is_pairwise else self._sum(results)
        )

    def _blocks(self, left: Sequence[Operand], right: Sequence[Operand], c: Number) -> Number:
        first, *others = _parts(len(left), self.chaining.k_block)
        total = self._promoted(left[first], right[first], c)
        for part in others:
            z = self._promoted(left[part], right[part], 0)
            total = add(total, z, self.instruction.unit, self.output)
        return total

    def _promoted(self, left: Sequence[Operand], right: Sequence[Operand], c: Number) -> Number:
        if self.chaining.promote_every is None:
            return self._chain(left, right, c)
        results: list[Number] = []
        for part in _parts(len(left), self.chaining.promote_every):
            results.append(self._chain(left[part], right[part], c))
            c = 0
        return self._in_format(self._sum(results))

    def _chain(self, left: Sequence[Operand], right: Sequence[Operand], c: Number) -> Number:
        for part in _parts(len(left), self.instruction.group):
            c = self.instruction(left[part], right[part], c)
        return c

    def _sum(self, results: Sequence[Number]) -> Number:
        """Return the sum in binary32, in ascending order."""
        total = results[0]
        for z in results[1:]:
            total = add(total, z, self.instruction.unit, BINARY32_GRID)
        return total

    def _tree(self, results: Sequence[Number]) -> Number:
        """Return the sum in binary32 by the tree that splits at the largest power of two below."""
        if len(results) == 1:
            return results[0]
        middle = 1 << ((len(results) - 1).bit_length() - 1)
        left, right = self._tree(results[:middle]), self._tree(results[middle:])
        return add(left, right, self.instruction.unit, BINARY32_GRID)

    def _in_format(self, z: Number) -> Number:
        return rounded_ieee(z, self.instruction.unit, self.output) if isinstance(z, int) else z


def _parts(k: int, length: int | None) -> list[slice]:
    """Return the ranges of a length that make up k; the last may be shorter."""
    if not length or k <= length:
        return [slice(0, k)]
    return [slice(start, start + length) for start in range(0, k, length)]
