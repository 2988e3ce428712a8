"""Elements of two results that show whether a rule explains their differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from numlean.analysis.lockstep.causes import Observation
from numlean.analysis.lockstep.comparison import comparison_of
from numlean.analysis.trace.element import Index
from numlean.analysis.trace.elements import element_of, single
from numlean.scalar.operations import RELATIONS
from numlean.scalar.wrappers.tracing import TracedOperation

_MOST: Final = 8
"""The greatest number of elements that differ, and of elements spread over the array."""
_TERMS: Final = 1024
"""The greatest number of terms of all elements together, but for the first of each kind."""


def other_elements(side: int, *, ops: Sequence[TracedOperation], place: Index) -> list[Observation]:
    """Return elements of one of two results with encodings: of those that differ, and of all.

    Args:
        side: The result: 0 for the first.
        ops: The operation as both runs carried it out.
        place: The element that is left out.
    """
    op, scalar = ops[side], ops[side].scalar
    found: list[Observation] = []
    for index in _chosen(ops, place):
        element = element_of(op, index)
        if element is not None:
            bits = scalar.to_bits(single(np.asarray(op.result), index))
            found.append(Observation(element, int(bits[0])))
    return found


def _chosen(ops: Sequence[TracedOperation], place: Index) -> Iterator[Index]:
    x, y = (np.asarray(op.result) for op in ops)
    element = element_of(ops[0], place)
    terms = 1 if element is None else max(sum(map(len, element.operands.values())), 1)
    most = max(min(_MOST, _TERMS // terms), 1)
    if ops[0].operation in RELATIONS:
        mask: Any = x != y
    else:
        a, b = (op.scalar for op in ops)
        mask = comparison_of(a, b)(a, x, b, y)
    own = int(np.ravel_multi_index(place, x.shape)) if place else 0
    differing = [int(k) for k in np.flatnonzero(mask) if k != own][:most]
    spread = np.linspace(0, x.size - 1, min(most, x.size)).round().astype(np.int64)
    for k in dict.fromkeys([*differing, *(int(k) for k in spread if k != own)]):
        yield tuple(int(i) for i in np.unravel_index(k, x.shape))
