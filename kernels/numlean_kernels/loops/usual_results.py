"""Loops over the usual results of a routine, for blocks of elements that have no others.

A routine in integers is right for all operands; most need only half of its work. If a routine has
usual results (``usual_results_of``), a loop computes those of a block, and whether they are known.
If all are, it stores them; if not, it computes the block by the routine. Both are vector code.
Results wait in an array of their own, so that they may overwrite an operand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean_kernels.protocol import Routine, Table, usual_results_of

_BLOCK: Final = 512
"""The number of elements of a block, which stay in the first cache."""


def usual_results(table: Table, name: str, arity: int) -> Callable[..., None] | None:
    """Return the kernel of ``elementwise(name, arity)``; None if it has no usual results."""
    usual = usual_results_of(table[name])
    return None if usual is None else _KERNELS[arity - 1](usual, table[name])


def usual_results_of_broadcast(table: Table, name: str, place: int) -> Callable[..., None] | None:
    """Return the kernel of ``broadcast_operand(name, place)``, or None."""
    usual = usual_results_of(table[name])
    return None if usual is None else (_single_first, _single_second)[place](usual, table[name])


def _unary(usual: Routine, routine: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, x: Any, z: Any) -> None:
        results = np.empty(size, z.dtype)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first, are_known = np.uint64(block), True
            end = min(first + size, np.uint64(stop))
            for i in range(np.uint64(0), end - first):
                results[i], is_known = usual(x[first + i])
                are_known &= is_known
            if are_known:
                for i in range(np.uint64(0), end - first):
                    z[first + i] = results[i]
            else:
                for i in range(first, end):
                    z[i] = routine(x[i])

    return kernel


def _binary(usual: Routine, routine: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        results = np.empty(size, z.dtype)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first, are_known = np.uint64(block), True
            end = min(first + size, np.uint64(stop))
            for i in range(np.uint64(0), end - first):
                results[i], is_known = usual(x[first + i], y[first + i])
                are_known &= is_known
            if are_known:
                for i in range(np.uint64(0), end - first):
                    z[first + i] = results[i]
            else:
                for i in range(first, end):
                    z[i] = routine(x[i], y[i])

    return kernel


def _ternary(usual: Routine, routine: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, w: Any, x: Any, y: Any, z: Any) -> None:
        results = np.empty(size, z.dtype)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first, are_known = np.uint64(block), True
            end = min(first + size, np.uint64(stop))
            for i in range(np.uint64(0), end - first):
                results[i], is_known = usual(w[first + i], x[first + i], y[first + i])
                are_known &= is_known
            if are_known:
                for i in range(np.uint64(0), end - first):
                    z[first + i] = results[i]
            else:
                for i in range(first, end):
                    z[i] = routine(w[i], x[i], y[i])

    return kernel


def _single_first(usual: Routine, routine: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        a, results = x[0], np.empty(size, z.dtype)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first, are_known = np.uint64(block), True
            end = min(first + size, np.uint64(stop))
            for i in range(np.uint64(0), end - first):
                results[i], is_known = usual(a, y[first + i])
                are_known &= is_known
            if are_known:
                for i in range(np.uint64(0), end - first):
                    z[first + i] = results[i]
            else:
                for i in range(first, end):
                    z[i] = routine(a, y[i])

    return kernel


def _single_second(usual: Routine, routine: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        b, results = y[0], np.empty(size, z.dtype)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first, are_known = np.uint64(block), True
            end = min(first + size, np.uint64(stop))
            for i in range(np.uint64(0), end - first):
                results[i], is_known = usual(x[first + i], b)
                are_known &= is_known
            if are_known:
                for i in range(np.uint64(0), end - first):
                    z[first + i] = results[i]
            else:
                for i in range(first, end):
                    z[i] = routine(x[i], b)

    return kernel


_KERNELS: Final = (_unary, _binary, _ternary)
"""The makers of kernels, by the number of operands less one."""
