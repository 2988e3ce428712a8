"""The first terms after which two matrix units that compute the same sum differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import lcm

from numlean.analysis.lockstep.numbers import Number
from numlean.analysis.trace.element import Index
from numlean.precision.scaling.entered_operands import EnteredOperands
from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.tracing import TracedOperation
from numlean_kernels.matrix_units.rule import Unit

_OPERATION = "unit_product"


@dataclass(frozen=True)
class BlockDifference:
    """Terms that make the sums of two units different.

    Attributes:
        start: The first k of the terms.
        stop: The k after the last one.
        before: The sum of the terms before them, the same in both units.
        after: The sums of the terms up to them, a's and b's.
    """

    start: int
    stop: int
    before: Number
    after: tuple[Number, Number]

    def __str__(self) -> str:
        a, b = self.after
        return (
            f"terms {self.start} to {self.stop - 1} are the first that make the sums differ: from"
            f" {self.before.text}, A comes to {a.text} and B to {b.text}"
        )


def first_block(pair: Sequence[TracedOperation], index: Index) -> BlockDifference | None:
    """Return the first terms that make an element of two units' products different.

    The terms are as few as make whole instructions of both units.

    Returns:
        The terms; None if the operations are others, the operands differ, or k is cut into ranges,
        which the units add up apart.
    """
    if any(op.operation != _OPERATION for op in pair):
        return None
    units: list[Unit] = [op.options["unit"] for op in pair]
    sides = [EnteredOperands(op.pairs[0], op.pairs[1]).of_element(index) for op in pair]
    if any(unit.chain.split_k > 1 for unit in units) or not _are_equal(*sides):
        return None
    sums = [
        [_sum(op.scalar, unit, side, k) for k in _ends(units, side)]
        for op, unit, side in zip(pair, units, sides, strict=True)
    ]
    zero = Number.of(pair[0].scalar, pair[0].scalar.from_float([0.0]))
    numbers = [(zero, zero), *zip(*sums, strict=True)]
    ends = [0, *_ends(units, sides[0])]
    for (start, stop), (before, after) in zip(pairwise(ends), pairwise(numbers), strict=True):
        if after[0] != after[1]:
            return BlockDifference(start, stop, before[0], after)
    return None


def _ends(units: Sequence[Unit], operands: EnteredOperands) -> list[int]:
    """Return the k at which instructions of both units end, and the number of all k."""
    count = operands.a.storage.shape[-1]
    step = lcm(*(unit.rule.instruction for unit in units))
    return [*range(step, count, step), count]


def _sum(scalar: Scalar, unit: Unit, operands: EnteredOperands, k: int) -> Number:
    """Return the sum of the first k terms."""
    (left, a), (right, b) = operands.a, operands.b
    return Number.of(scalar, scalar.unit_product(left, a[:, :k], right, b[:k], unit=unit))


def _are_equal(one: EnteredOperands, other: EnteredOperands) -> bool:
    """Return whether two pairs of operands have the same encodings."""

    def encodings(operands: EnteredOperands) -> list[tuple[str, bytes]]:
        sides = (operands.a, operands.b)
        return [
            (x.scalar.format.key, x.scalar.to_bytes(x.storage)) for x in sides if x.scalar.format
        ]

    return encodings(one) == encodings(other)
