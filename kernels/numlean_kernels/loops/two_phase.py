"""Loops over the fast phase of a routine, which leave uncertain results to the accurate phase.

The two phases are separate loops so that the fast one, which does not branch, becomes vector code:
it processes a block of elements and sets a bit of a word for each uncertain one. The operands of
those are kept until then, so that results may overwrite an operand.

A table with a fast phase of a function of one or two operands has it as ``"fast " + name``, which
returns the pair (certain, z), and the function without it as ``"accurate " + name``. A fast phase
for results with flags is ``"flagged fast " + name``; it raises the flag *inexact* and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean_kernels.flags import INEXACT
from numlean_kernels.protocol import Routine, Table

_BLOCK: Final = 64
"""The number of elements of a block: the bits of a word."""


def two_phase(table: Table, name: str, arity: int) -> Callable[..., None] | None:
    """Return the kernel of ``elementwise(name, arity)``; None if the table has no fast phase."""
    fast = table.get(f"fast {name}") if arity in _KERNELS else None
    return None if fast is None else _KERNELS[arity](fast, table[f"accurate {name}"])


def two_phase_flagged(table: Table, name: str) -> Callable[..., None] | None:
    """Return the kernel of ``flagged(name, 1)`` if the table has a fast phase of it, else None."""
    fast = table.get(f"flagged fast {name}")
    return None if fast is None else _flagged_unary(fast, table[f"flagged accurate {name}"])


def _unary(fast: Routine, accurate: Routine) -> Callable[..., None]:
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
                        z[i] = accurate(z[i])

    return kernel


def _binary(fast: Routine, accurate: Routine) -> Callable[..., None]:
    size, zero, one = np.uint64(_BLOCK), np.uint64(0), np.uint64(1)

    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        for block in range(np.uint64(start), np.uint64(stop), size):
            end, left = min(np.uint64(block) + size, np.uint64(stop)), zero
            for i in range(block, end):
                certain, value = fast(x[i], y[i])
                # If z is also an operand, an uncertain element of it stays as it is.
                z[i] = value if certain else z[i]
                left |= (zero if certain else one) << np.uint64(i - block)
            if left != zero:
                for i in range(block, end):
                    if left >> np.uint64(i - block) & one:
                        z[i] = accurate(x[i], y[i])

    return kernel


def _flagged_unary(fast: Routine, accurate: Routine) -> Callable[..., None]:
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
                        z[i], raised[i] = accurate(z[i])

    return kernel


_KERNELS: Final = {1: _unary, 2: _binary}
"""The makers of kernels without flags, by the number of operands."""
