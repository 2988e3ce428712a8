"""The reference of a matrix unit: from the numbers of its row, with arithmetic of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol, final

import numpy as np

from numlean.testing.matrix_units.amd import FmaChain, PairwiseTree, RoundedOnce, TwoStages
from numlean.testing.matrix_units.batched import BatchedBlocks
from numlean.testing.matrix_units.block_fma import BlockFma, InParts, Operand
from numlean.testing.matrix_units.dot_drawing import DotDrawing
from numlean.testing.matrix_units.exact_numbers import (
    Codec,
    Direction,
    Grid,
)
from numlean.testing.matrix_units.hardware_tree import HardwareTree
from numlean.testing.matrix_units.long_dot import Chaining, Instruction, LongDot
from numlean.testing.matrix_units.operand_drawing import OperandDrawing
from numlean_kernels.formats import Format
from numlean_kernels.ieee import Rounding
from numlean_kernels.matrix_units import rule as rules

_DIRECTIONS: Final = {
    Rounding.TOWARD_ZERO: Direction.TOWARD_ZERO,
    Rounding.TOWARD_NEGATIVE: Direction.DOWN,
    Rounding.TIES_TO_EVEN: Direction.NEAREST,
}
_NO_SCALES: Final = "scaled_dots computes units with scales"
Codes = np.ndarray[Any, np.dtype[Any]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]


class Batched(Protocol):
    """Computes many dot products at once, and tells for which it has the result."""

    def dot(self, a: Codes, b: Codes, c: Codes) -> tuple[Codes, Bools]:
        """Return the dot products of rows, and where they are right."""


class Operands(dict[int, Operand]):
    """The numbers of encodings, each decoded when it is first used.

    Args:
        operands: The format and its significant bits that count.
        half_unit: Numbers are multiples of 2**-half_unit.
        rule: The rule that takes them: whether zeros have a sign there, and an exponent, and
            whether subnormal numbers count as +0.
    """

    def __init__(self, operands: rules.Operands, half_unit: int, rule: rules.Rule) -> None:
        super().__init__()
        self._codec = Codec(operands.format, half_unit)
        self._kept = -1 << (operands.format.precision - operands.precision)
        self._least_normal = half_unit + operands.format.emin
        self._is_aligned = isinstance(rule, rules.BlockFma | rules.TwoStage)
        self._zero_exponent = getattr(rule, "zero_exponent", None)
        self._flushes = getattr(rule, "flushes", False)

    def __missing__(self, code: int) -> Operand:
        """Decode an encoding."""
        x, e = self._codec.decode(code & self._kept)
        if self._flushes and isinstance(x, int) and abs(x) >> self._least_normal == 0:
            x = 0
        if x == 0:
            x = 0 if self._is_aligned else x
            e = e if self._zero_exponent is None else self._zero_exponent
        self[code] = x, e
        return self[code]


@final
@dataclass(frozen=True)
class MatrixUnitReference:
    """A matrix unit in exact integers.

    Attributes:
        left: The operands on the left.
        right: The operands on the right.
        output: The encodings of accumulators and results.
        product: The dot product.
        batched: The same for many finite rows at once; None if there is none.
    """

    left: Operands
    right: Operands
    output: Codec
    product: LongDot
    batched: Batched | None = None

    def dot(self, a: Codes, b: Codes, c: Codes) -> Codes:
        """Return the dot products of rows.

        Args:
            a: Encodings of shape (n, k).
            b: Encodings of shape (n, k).
            c: Accumulators to begin with, encodings of the output of shape (n,).
        """
        if self.batched is None:
            return self._one_by_one(a, b, c)
        results, is_finite = self.batched.dot(a, b, c)
        rest = ~is_finite
        results[rest] = self._one_by_one(a[rest], b[rest], c[rest])
        return results

    def _one_by_one(self, a: Codes, b: Codes, c: Codes) -> Codes:
        left, right = self.left.__getitem__, self.right.__getitem__
        decode, encode, product = self.output.decode, self.output.encode, self.product
        dots = [
            encode(product([*map(left, row)], [*map(right, column)], decode(first)[0]))
            for row, column, first in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)
        ]
        return np.array(dots, dtype=self.output.format.storage_dtype)


def reference_of_unit(unit: rules.Unit, *, batches: bool = True) -> MatrixUnitReference:
    """Return the reference of a unit.

    Args:
        unit: The numbers of the unit.
        batches: Whether dot products are computed in batches where they can be, in integers of 64
            bits or by the processor; else each alone, in integers of any size.

    Raises:
        ValueError: The unit has scales.
    """
    if unit.scales is not None:
        raise ValueError(_NO_SCALES)
    operands = unit.left, unit.right
    # Fine enough for every operand and its square, and for half of the least number of the output.
    half_unit = max(-(-_least(unit.output) // 2), *(_least(each.format) for each in operands))
    instruction = _instruction(unit.rule, unit.output, 2 * half_unit)
    chain = unit.chain
    chaining = Chaining(
        chain.k_block, chain.promote_every, chain.split_k, chain.order == "pairwise"
    )
    left, right = (Operands(each, half_unit, unit.rule) for each in operands)
    product = LongDot(instruction, _grid(unit.output), chaining)
    output = Codec(unit.output, 2 * half_unit, unit.nan)
    return MatrixUnitReference(left, right, output, product, _batched(unit) if batches else None)


def _batched(unit: rules.Unit) -> Batched | None:
    return BatchedBlocks.of(unit) or HardwareTree.of(unit)


def _least(format: Format) -> int:
    """Return the u for which the least number of a format is 2**-u."""
    return format.trailing_bits - format.emin


def _grid(format: Format, precision: int | None = None) -> Grid:
    return Grid(precision or format.precision, format.emin, format.emax)


def _instruction(rule: rules.Rule, output: Format, unit: int) -> Instruction:
    match rule:
        case rules.BlockFma():
            return _block_fma(rule, output, unit)
        case rules.ExactBlock():
            return RoundedOnce(rule.group, unit)
        case rules.Pairwise():
            return PairwiseTree(rule.group, unit, rule.flushes)
        case rules.TwoStage():
            return TwoStages(
                rule.group,
                unit,
                rule.is_interleaved,
                rule.fraction_bits,
                rule.sum_bits,
                rule.addend_bits,
            )
        case rules.FmaChain():
            return FmaChain(_grid(output), unit)
        case rules.ScaledSums():
            raise ValueError(_NO_SCALES)


def _block_fma(rule: rules.BlockFma, output: Format, unit: int) -> Instruction:
    block = BlockFma(
        rule.group,
        rule.fraction_bits,
        rule.floor,
        _grid(output, rule.result_precision),
        _DIRECTIONS[rule.result],
        unit,
        zero_exponent=rule.zero_exponent,
        alignment=_DIRECTIONS[rule.alignment],
        output=_grid(output),
    )
    if not rule.k_order and not rule.adds_last:
        return block
    return InParts(block, rule.k_order or tuple(range(rule.group)), rule.adds_last)


def drawing_of_unit(unit: rules.Unit, *seeds: int) -> DotDrawing:
    """Return what draws structured dot products for a unit; the seeds determine them."""
    rng = np.random.default_rng(seeds)
    left, right = (
        OperandDrawing(each.format, rng, each.format.precision - each.precision)
        for each in (unit.left, unit.right)
    )
    output = unit.output
    bits = getattr(unit.rule, "fraction_bits", output.precision)
    floor = getattr(unit.rule, "floor", None)
    return DotDrawing(
        left, right, OperandDrawing(output, rng), bits, output.emin if floor is None else floor
    )
