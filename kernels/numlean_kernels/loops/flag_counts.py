"""Counts of raised flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean_kernels.flags import FLAGS
from numlean_kernels.protocol import Loop, Routine, Table

_COUNTER_BITS: Final = 12
BLOCK: Final = (1 << _COUNTER_BITS) - 1
"""The number of operations counted together: the maximum of a counter."""

_SPREAD: Final = sum(1 << k * (_COUNTER_BITS - 1) for k in range(len(FLAGS)))
_COUNTED: Final = sum(1 << k * _COUNTER_BITS for k in range(len(FLAGS)))

_COUNTER: Final = np.uint64(BLOCK)
_PLACES: Final = np.arange(len(FLAGS), dtype=np.uint64) * np.uint64(_COUNTER_BITS)

_ROUTINES: Final[dict[str, Routine]] = {}

NO_ROUTINES: Final = Table(key="none", zero=0, make=_ROUTINES.__getitem__)
"""The table of a loop that needs no arithmetic."""


def _make_count(table: Table) -> Callable[..., None]:
    # The product repeats the flags every eleven bits, so bit k of the k-th copy is at 12 * k.
    size, zero = np.uint64(BLOCK), np.uint64(0)
    spread, counted = np.uint64(_SPREAD), np.uint64(_COUNTED)

    def count_flags(start: int, stop: int, raised: Any, counts: Any) -> None:
        for block in range(start, stop):
            total, first = zero, np.uint64(block) * size
            for i in range(first, min(first + size, np.uint64(raised.shape[0]))):
                total += np.uint64(raised[i]) * spread & counted
            counts[block] = total

    return count_flags


COUNT_FLAGS: Final = Loop("count_flags", rank=1, make=_make_count)
"""counts[block]: how many of its bytes have each bit set, packed; ``counts_of`` unpacks it."""


def counts_of(counts: np.ndarray[Any, np.dtype[np.uint64]]) -> list[int]:
    """Return the totals of the results of ``COUNT_FLAGS`` over all blocks, lowest bit first."""
    counters: list[int] = (counts[:, None] >> _PLACES & _COUNTER).sum(axis=0).tolist()
    return counters
