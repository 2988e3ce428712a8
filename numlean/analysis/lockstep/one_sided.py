"""Casts that only one of two runs has: the other one keeps the numbers unrounded.

Runs of different policies, or of a policy and of one dtype, have casts at different places. Where
the first operation that differs has different operands, or no operation differs, such a cast is
where the runs part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from numlean.analysis.lockstep.comparison import Differing, first_place
from numlean.analysis.trace.element import Index
from numlean.analysis.trace.products import PRODUCT
from numlean.scalar.operations import MIXED_PRODUCTS
from numlean.scalar.protocol import Numbers, Storage
from numlean.scalar.wrappers.tracing import TracedOperation, untraced
from numlean_kernels.targets.dead_code import memory_of

_CAST = "cast_from"

Traces = Sequence[Sequence[TracedOperation | None]]
"""Two traces in which counterparts have the same index."""


@dataclass(frozen=True)
class OneSidedCast:
    """A cast of one of two runs.

    Attributes:
        number: The index in the traces.
        pair: The cast, and the same numbers unrounded as the other run's result; a's first.
        element: The first element that the cast changes.
        call: The index of the cast among those of its run in the step.
    """

    number: int
    pair: tuple[TracedOperation, TracedOperation]
    element: Index
    call: int

    @property
    def rules(self) -> tuple[str, str]:
        """What each run does with the numbers."""
        one, other = (
            f"numbers rounded to {op.scalar.name}"
            if op.scalar is not op.operands[0]
            else f"numbers stay in {op.scalar.name}"
            for op in self.pair
        )
        return one, other


def cast_of_operands(traces: Traces, number: int, compare: Differing) -> OneSidedCast | None:
    """Return the one-sided cast that made operands of two counterparts different; None without one.

    Args:
        traces: The operations of both runs.
        number: The index of the counterparts.
        compare: Returns where arrays differ.
    """
    pair = [each for trace in traces if (each := trace[number]) is not None]
    for x, y in zip(*map(numbers_of, pair), strict=False):
        if x.storage.shape != y.storage.shape or not _differ(x, y, compare):
            continue
        for side, (made, kept) in enumerate(((x, y), (y, x))):
            for found in _casts_before(traces, side, number, made.storage, compare):
                if _is_kept(found.pair[side], kept, compare):
                    return found
    return None


def first_cast(traces: Traces, compare: Differing) -> OneSidedCast | None:
    """Return the first one-sided cast that changes numbers; None without one."""
    for number in range(min(map(len, traces))):
        for side in range(2):
            found = _cast_at(traces, side, number, compare)
            if found is not None:
                return found
    return None


def numbers_of(op: TracedOperation) -> list[Numbers]:
    """Return the operands of an operation that are numbers, each with its Scalar."""
    if op.operation == PRODUCT:
        assert op.product is not None
        return [Numbers(untraced(scalar), x) for scalar, x in op.product.operands]
    if op.operation in (_CAST, *MIXED_PRODUCTS):
        return op.pairs
    own = op.scalar.storage_dtype
    arrays = (x for x in op.operands if isinstance(x, np.ndarray) and x.dtype == own)
    return [Numbers(op.scalar, x) for x in arrays]


def _casts_before(
    traces: Traces, side: int, number: int, array: Storage, compare: Differing
) -> Iterator[OneSidedCast]:
    """Yield the one-sided casts from which an array was made, the first one first."""
    chain: list[OneSidedCast] = []
    for k in range(number - 1, -1, -1):
        op = traces[side][k]
        if op is None or memory_of(np.asarray(op.result)) != memory_of(array):
            continue
        if op.operation != _CAST or traces[1 - side][k] is not None:
            break
        found = _cast_at(traces, side, k, compare)
        chain += [] if found is None else [found]
        array = op.operands[1]
    yield from reversed(chain)


def _cast_at(traces: Traces, side: int, number: int, compare: Differing) -> OneSidedCast | None:
    op = traces[side][number]
    if op is None or op.operation != _CAST or op.product is not None:
        return None
    if traces[1 - side][number] is not None:
        return None
    source, x = op.operands
    place = first_place(compare(op.scalar, np.asarray(op.result), source, np.asarray(x)))
    if place is None:
        return None
    unrounded = replace(op, result=x, scalar=source)
    pair = (unrounded, op) if side else (op, unrounded)
    earlier = (each for each in traces[side][:number] if each is not None)
    call = sum(each.operation == _CAST for each in earlier)
    return OneSidedCast(number, pair, place, call)


def _is_kept(cast: TracedOperation, kept: Numbers, compare: Differing) -> bool:
    """Return whether the other run's operand has the numbers that a cast rounds."""
    source, x = cast.operands
    for own in (x, np.swapaxes(x, -1, -2) if x.ndim > 1 else x):
        if own.shape == kept.storage.shape:
            differing = compare(source, np.ascontiguousarray(own), *kept)
            if not differing.any():
                return True
    return False


def _differ(a: Numbers, b: Numbers, compare: Differing) -> bool:
    x, y = (np.ascontiguousarray(each.storage) for each in (a, b))
    return bool(compare(a.scalar, x, b.scalar, y).any())
