"""Loops over the known results of a routine, for blocks of elements that have no others.

Where random bits decide, a routine of hardware floats tells whether its result is known
(``known_results_of``). If all of a block are, a loop stores them; if not, it computes the block by
the routine itself. Results wait in an array of their own, so that they may overwrite an operand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean_kernels.protocol import Routine, Table, known_results_of

_BLOCK: Final = 512
"""The number of elements of a block, which stay in the first cache."""


def known_results(table: Table, name: str, arity: int) -> Callable[..., None] | None:
    """Return the kernel of ``elementwise(name, arity)``; None if it has no known results.

    The last operand is the random word.
    """
    known = known_results_of(table[name])
    return None if known is None else _KERNELS[arity - 2](known, table[name])


def _binary(known: Routine, routine: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        results = np.empty(size, z.dtype)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first, are_known = np.uint64(block), True
            end = min(first + size, np.uint64(stop))
            for i in range(np.uint64(0), end - first):
                results[i], is_known = known(x[first + i], y[first + i])
                are_known &= is_known
            if are_known:
                for i in range(np.uint64(0), end - first):
                    z[first + i] = results[i]
            else:
                for i in range(first, end):
                    z[i] = routine(x[i], y[i])

    return kernel


def _ternary(known: Routine, routine: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, w: Any, x: Any, y: Any, z: Any) -> None:
        results = np.empty(size, z.dtype)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first, are_known = np.uint64(block), True
            end = min(first + size, np.uint64(stop))
            for i in range(np.uint64(0), end - first):
                results[i], is_known = known(w[first + i], x[first + i], y[first + i])
                are_known &= is_known
            if are_known:
                for i in range(np.uint64(0), end - first):
                    z[first + i] = results[i]
            else:
                for i in range(first, end):
                    z[i] = routine(w[i], x[i], y[i])

    return kernel


def _quaternary(known: Routine, routine: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, v: Any, w: Any, x: Any, y: Any, z: Any) -> None:
        results = np.empty(size, z.dtype)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first, are_known = np.uint64(block), True
            end = min(first + size, np.uint64(stop))
            for i in range(np.uint64(0), end - first):
                results[i], is_known = known(v[first + i], w[first + i], x[first + i], y[first + i])
                are_known &= is_known
            if are_known:
                for i in range(np.uint64(0), end - first):
                    z[first + i] = results[i]
            else:
                for i in range(first, end):
                    z[i] = routine(v[i], w[i], x[i], y[i])

    return kernel


_KERNELS: Final = (_binary, _ternary, _quaternary)
"""The makers of kernels, by the number of operands less two."""
