"""The operations of two traces that correspond to each other.

Programs may depend on the arithmetic: a format whose exponents are bounded scales the squares of a
norm, and mp does not. Outside of such places, traces of one task have the same operations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TypeAlias

import numpy as np

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

    Traces of one program stay as they are; None stands there for operations left out.
    """
    one, other = traces
    if len(one) == len(other) and all(map(_are_counterparts, one, other)):
        return [[*one], [*other]]
    ours, theirs = ([op for op in trace if op is not None] for trace in traces)
    padded: list[tuple[TracedOperation | None, TracedOperation | None]] = []
    done = 0
    for op, number in zip(ours, align(ours, theirs), strict=True):
        if number is None or number < done:
            padded.append((op, None))
            continue
        padded += [(None, each) for each in theirs[done:number]]
        padded.append((op, theirs[number]))
        done = number + 1
    padded += [(None, each) for each in theirs[done:]]
    return [[a for a, _ in padded], [b for _, b in padded]]


def _are_counterparts(one: TracedOperation | None, other: TracedOperation | None) -> bool:
    return one is None or other is None or _key(one) == _key(other)
