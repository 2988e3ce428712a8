"""The numbers that a layer's operands were before they were rounded for its products."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided

from numlean.scalar.protocol import Numbers, Storage
from numlean.scalar.wrappers.tracing import TracedOperation
from numlean_kernels.targets.dead_code import memory_of

_CAST: Final = "cast_from"
_MOVING: Final = frozenset(("copy", "take", "take_along_axis"))
"""Operations that only move the numbers of their first operand."""


class Sources:
    """Follows operands of products back through casts that are no part of a product.

    A weight is cast once a step, outside of layers; an operand may be cast inside its layer. Both
    count as rounding the operand. What another layer rounds belongs to that layer.
    """

    def __init__(self, trace: Iterable[TracedOperation]) -> None:
        self._made = {
            memory_of(op.result): op
            for op in trace
            if op.product is None and (op.operation == _CAST or op.operation in _MOVING)
        }

    def of(self, numbers: Numbers, layer: str | None = None) -> Numbers:
        """Return the numbers from which casts in a layer, or outside of all, made others.

        Without a layer, casts in all layers count.
        """
        op = self._made.get(memory_of(numbers.storage))
        if op is None or (layer is not None and op.place.layer not in ("", layer)):
            return numbers
        found = self._operand(op, layer)
        seen = _same_view(op.result, found.storage, numbers.storage)
        return numbers if seen is None else Numbers(found.scalar, seen)

    def _operand(self, op: TracedOperation, layer: str | None) -> Numbers:
        if op.operation == _CAST:
            return self.of(Numbers(*op.operands), layer)
        own, *rest = op.operands
        found = self.of(Numbers(op.scalar, own), layer)
        move = getattr(found.scalar, op.operation)
        return Numbers(found.scalar, move(found.storage, *rest, **op.options))


def _same_view(result: Storage, source: Storage, view: Storage) -> Storage | None:
    """Return the view of a source that another array is of a result; None if there is none."""
    if not result.flags.c_contiguous or result.shape != source.shape:
        return None
    plain, size = np.ascontiguousarray(source).reshape(-1), result.itemsize
    if not plain.size:
        return plain.reshape(view.shape)
    start = (view.__array_interface__["data"][0] - result.__array_interface__["data"][0]) // size
    strides = tuple(stride // size * plain.itemsize for stride in view.strides)
    return as_strided(plain[start:], view.shape, strides)
