"""Loops over a routine's first phase, which leave what it does not settle to the whole routine.

The two are kept apart so that the first one, which does not branch, becomes vector code: it goes
over a block of elements, and a bit of a word is set for each that is left. The operands of those
stand where their results will, so that a result may take an operand's place.

A table that has a first phase of a function of one operand has it as ``"quick " + name``, which
gives the pair of whether it settled and of the result, and the routine without it as
``"whole " + name``. A first phase raises the flag *inexact*, and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean_kernels.flags import INEXACT
from numlean_kernels.protocol import Routine, Table

_BLOCK: Final = 64
"""As many elements as a word has bits."""


def phased(table: Table, name: str) -> Callable[..., None] | None:
    """The kernel of ``unary(name)`` where the table has a first phase of it."""
    fast = table.get(f"quick {name}")
    return None if fast is None else _unary(fast, table[f"whole {name}"])


def phased_flagged(table: Table, name: str) -> Callable[..., None] | None:
    """The kernel of ``flagged(name, 1)`` where the table has a first phase of it."""
    fast = table.get(f"quick {name}")
    return None if fast is None else _flagged_unary(fast, table[f"flagged whole {name}"])


def _unary(fast: Routine, whole: Routine) -> Callable[..., None]:
    size, zero, one = np.uint64(_BLOCK), np.uint64(0), np.uint64(1)

    def kernel(start: int, stop: int, x: Any, z: Any) -> None:
        for block in range(np.uint64(start), np.uint64(stop), size):
            end, left = min(np.uint64(block) + size, np.uint64(stop)), zero
            for i in range(block, end):
                certain, value = fast(x[i])
                z[i] = value if certain else x[i]
                left |= (zero if certain else one) << np.uint64(i - block)
            if left != zero:
                for i in range(block, end):
                    if left >> np.uint64(i - block) & one:
                        z[i] = whole(z[i])

    return kernel


def _flagged_unary(fast: Routine, whole: Routine) -> Callable[..., None]:
    size, zero, one = np.uint64(_BLOCK), np.uint64(0), np.uint64(1)

    def kernel(start: int, stop: int, x: Any, raised: Any, z: Any) -> None:
        for block in range(np.uint64(start), np.uint64(stop), size):
            end, left = min(np.uint64(block) + size, np.uint64(stop)), zero
            for i in range(block, end):
                certain, value = fast(x[i])
                z[i], raised[i] = value if certain else x[i], INEXACT
                left |= (zero if certain else one) << np.uint64(i - block)
            if left != zero:
                for i in range(block, end):
                    if left >> np.uint64(i - block) & one:
                        z[i], raised[i] = whole(z[i])

    return kernel
