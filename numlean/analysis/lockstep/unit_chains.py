"""The first terms after which two matrix units that compute the same sum differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import lcm

import numpy as np

from numlean.analysis.lockstep.numbers import Number
from numlean.analysis.trace.element import Index
from numlean.precision.matrix_units.steps import unit_steps
from numlean.precision.scaling.entered_operands import EnteredOperands
from numlean.scalar.protocol import Scalar
from numlean.scalar.wrappers.tracing import TracedOperation
from numlean_kernels.matrix_units.rule import Chain, Unit

_OPERATION = "unit_product"


@dataclass(frozen=True)
class ChainStep:
    """A sum of a chain of instructions.

    Attributes:
        title: The terms that are added.
        top: e*, the exponent below which they are aligned; None if they are not.
        fraction_bits: The bits below it that are kept; None likewise.
        result: The accumulator after it.
    """

    title: str
    top: int | None
    fraction_bits: int | None
    result: Number

    def __str__(self) -> str:
        if self.top is None or self.fraction_bits is None:
            return f"{self.title}: {self.result.text}"
        least = f"2^{self.top - self.fraction_bits}"
        return f"{self.title}: e* = {self.top}, terms in multiples of {least}: {self.result.text}"


@dataclass(frozen=True)
class BlockDifference:
    """Terms that make the sums of two units different.

    Attributes:
        start: The first k of the terms.
        stop: The k after the last one.
        before: The sum of the terms before them, the same in both units.
        after: The sums of the terms up to them, a's and b's.
        steps: The sums that a and b make of the terms; empty if options split the chain of one.
    """

    start: int
    stop: int
    before: Number
    after: tuple[Number, Number]
    steps: tuple[tuple[ChainStep, ...], tuple[ChainStep, ...]] = ((), ())

    @property
    def lines(self) -> Iterator[str]:
        """The terms, the sums, and each step of both units, as lines."""
        a, b = self.after
        yield (
            f"terms {self.start} to {self.stop - 1} are the first that make the sums differ: from"
            f" {self.before.text}, A comes to {a.text} and B to {b.text}"
        )
        for name, steps in zip("AB", self.steps, strict=True):
            yield from (f"  {name}, {step}" for step in steps)


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
            steps = [_steps(*each, start, stop) for each in zip(pair, units, sides, strict=True)]
            return BlockDifference(start, stop, before[0], after, (steps[0], steps[1]))
    return None


def _steps(
    op: TracedOperation, unit: Unit, operands: EnteredOperands, start: int, stop: int
) -> tuple[ChainStep, ...]:
    """Return the sums that a unit makes of terms, if a chain of instructions takes all terms."""
    if unit.chain != Chain():
        return ()
    a, b = (
        x.scalar.to_bits(np.ascontiguousarray(x.storage)).reshape(-1).tolist()
        for x in (operands.a, operands.b)
    )
    before = len(unit_steps(unit, a[:start], b[:start], 0)) if start else 0
    found = unit_steps(unit, a[:stop], b[:stop], 0)[before:]
    return tuple(
        ChainStep(step.title, step.top, step.fraction_bits, _number(op.scalar, step.result))
        for step in found
        if step.result is not None
    )


def _number(scalar: Scalar, bits: int) -> Number:
    return Number.of(scalar, scalar.from_bits([bits]))


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
