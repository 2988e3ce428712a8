"""The operations of two traces that correspond to each other.

Programs may depend on the arithmetic: a format whose exponents are bounded scales the squares of a
norm, and mp does not. Outside of such places, traces of one task have the same operations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import TypeAlias

import numpy as np

from numlean.analysis.trace.products import product_of, whole
from numlean.scalar.wrappers.tracing import Location, TracedOperation

_Key: TypeAlias = tuple[object, ...]


def align(trace: Sequence[TracedOperation], other: Sequence[TracedOperation]) -> list[int | None]:
    """Return the index in the other trace of each operation's counterpart; None without one.

    Counterparts have the same location, name and shapes, and the same order within a location. If
    several choices are possible, a longest one is taken.
    """
    ours, theirs = [_key(op) for op in trace], [_key(op) for op in other]
    if ours == theirs:
        return [*range(len(ours))]
    found: list[int | None] = [None] * len(ours)
    places, there = _by_place(trace), _by_place(other)
    for place, numbers in places.items():
        counterparts = there.get(place, [])
        keys = [ours[k] for k in numbers], [theirs[k] for k in counterparts]
        for block in SequenceMatcher(None, *keys, autojunk=False).get_matching_blocks():
            for k in range(block.size):
                found[numbers[block.a + k]] = counterparts[block.b + k]
    return found


def _by_place(trace: Sequence[TracedOperation]) -> dict[Location, list[int]]:
    places: defaultdict[Location, list[int]] = defaultdict(list)
    for number, op in enumerate(trace):
        places[op.place].append(number)
    return places


def _key(op: TracedOperation) -> _Key:
    shapes = tuple(x.shape for x in op.operands if isinstance(x, np.ndarray))
    return op.place, op.operation, np.shape(op.result), shapes


def pad_to_common_order(
    traces: Sequence[Sequence[TracedOperation | None]],
) -> list[list[TracedOperation | None]]:
    """Return two traces in which counterparts have the same index, and None where one has none.

    Traces of one program stay as they are; None stands there for operations left out. Of two
    products of matrices, the operations are counterparts if they are the same; otherwise the whole
    products are, each after its operations.
    """
    one, other = traces
    if len(one) == len(other) and all(map(_are_counterparts, one, other)):
        return [[*one], [*other]]
    ours, theirs = (_units([op for op in trace if op is not None]) for trace in traces)
    padded: list[tuple[TracedOperation | None, TracedOperation | None]] = []
    done = 0
    found = align([unit.whole for unit in ours], [unit.whole for unit in theirs])
    for unit, number in zip(ours, found, strict=True):
        if number is None or number < done:
            padded += [(op, None) for op in unit.operations]
            continue
        for each in theirs[done:number]:
            padded += [(None, op) for op in each.operations]
        padded += unit.aligned(theirs[number])
        done = number + 1
    for each in theirs[done:]:
        padded += [(None, op) for op in each.operations]
    return [[a for a, _ in padded], [b for _, b in padded]]


@dataclass(frozen=True)
class _Unit:
    """A product of matrices, or another operation.

    Attributes:
        operations: The operations of the product, in program order.
        whole: The product as one operation, or the operation.
    """

    operations: tuple[TracedOperation, ...]
    whole: TracedOperation

    def aligned(self, other: _Unit) -> list[tuple[TracedOperation | None, TracedOperation | None]]:
        """Return the operations of two units, or the units as wholes, side by side."""
        if [*map(_key, self.operations)] == [*map(_key, other.operations)]:
            return [*zip(self.operations, other.operations, strict=True)]
        ours = [(op, None) for op in self.operations]
        theirs = [(None, op) for op in other.operations]
        return [*ours, *theirs, (self.whole, other.whole)]


def _units(trace: Sequence[TracedOperation]) -> list[_Unit]:
    units = []
    # The operations of a product follow each other.
    for _, group in groupby(trace, key=lambda op: id(op.product or op)):
        operations = tuple(group)
        product = product_of(operations[0])
        if product is None:
            units.append(_Unit(operations, operations[0]))
        else:
            units.append(_Unit(operations, whole(product, operations)))
    return units


def _are_counterparts(one: TracedOperation | None, other: TracedOperation | None) -> bool:
    return one is None or other is None or _key(one) == _key(other)
