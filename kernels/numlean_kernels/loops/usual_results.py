"""Loops over the usual results of a routine, for blocks of elements that have no others.

A routine in integers is right for all operands; most need only half of its work. If a routine has
usual results (``usual_results_of``), a loop computes those of each block and whether all are known.
After all blocks, another loop computes those that are not by the routine: in a loop around both,
the processor would have too few registers for the constants of both. Both are vector code. Results
that overwrite an operand wait in an array until they are known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean_kernels.protocol import Routine, Table, UsualResults, usual_results_of

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


def _unary(results_of: UsualResults, routine: Routine) -> Callable[..., None]:
    size, one = np.uint64(_BLOCK), np.uint64(1)
    usual, zero = results_of.routine, np.uint32(0)
    low_bound, high_bound = results_of.bounds

    def kernel(start: int, stop: int, x: Any, z: Any) -> None:
        kept = np.empty(size, z.dtype) if x is z else z[:0]
        left = np.empty((np.uint64(stop) - np.uint64(start) + size - one) // size, np.bool_)
        for block in range(np.uint64(left.size)):
            first = np.uint64(start) + block * size
            end = min(first + size, np.uint64(stop))
            results, low, high = kept if kept.size else z[first:end], zero, zero
            for i in range(end - first):
                results[i], p, q = usual(x[first + i])
                low = p if p > low else low
                high = q if q > high else high
            left[block] = low > low_bound or high > high_bound
            if kept.size and not left[block]:
                for i in range(end - first):
                    z[first + i] = kept[i]
        for block in range(np.uint64(left.size)):
            if left[block]:
                first = np.uint64(start) + block * size
                end = min(first + size, np.uint64(stop))
                for i in range(first, end):
                    z[i] = routine(x[i])

    return kernel


def _binary(results_of: UsualResults, routine: Routine) -> Callable[..., None]:
    size, one = np.uint64(_BLOCK), np.uint64(1)
    usual, zero = results_of.routine, np.uint32(0)
    low_bound, high_bound = results_of.bounds

    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        kept = np.empty(size, z.dtype) if x is z or y is z else z[:0]
        left = np.empty((np.uint64(stop) - np.uint64(start) + size - one) // size, np.bool_)
        for block in range(np.uint64(left.size)):
            first = np.uint64(start) + block * size
            end = min(first + size, np.uint64(stop))
            results, low, high = kept if kept.size else z[first:end], zero, zero
            for i in range(end - first):
                results[i], p, q = usual(x[first + i], y[first + i])
                low = p if p > low else low
                high = q if q > high else high
            left[block] = low > low_bound or high > high_bound
            if kept.size and not left[block]:
                for i in range(end - first):
                    z[first + i] = kept[i]
        for block in range(np.uint64(left.size)):
            if left[block]:
                first = np.uint64(start) + block * size
                end = min(first + size, np.uint64(stop))
                for i in range(first, end):
                    z[i] = routine(x[i], y[i])

    return kernel


def _ternary(results_of: UsualResults, routine: Routine) -> Callable[..., None]:
    size, one = np.uint64(_BLOCK), np.uint64(1)
    usual, zero = results_of.routine, np.uint32(0)
    low_bound, high_bound = results_of.bounds

    def kernel(start: int, stop: int, w: Any, x: Any, y: Any, z: Any) -> None:
        kept = np.empty(size, z.dtype) if w is z or x is z or y is z else z[:0]
        left = np.empty((np.uint64(stop) - np.uint64(start) + size - one) // size, np.bool_)
        for block in range(np.uint64(left.size)):
            first = np.uint64(start) + block * size
            end = min(first + size, np.uint64(stop))
            results, low, high = kept if kept.size else z[first:end], zero, zero
            for i in range(end - first):
                results[i], p, q = usual(w[first + i], x[first + i], y[first + i])
                low = p if p > low else low
                high = q if q > high else high
            left[block] = low > low_bound or high > high_bound
            if kept.size and not left[block]:
                for i in range(end - first):
                    z[first + i] = kept[i]
        for block in range(np.uint64(left.size)):
            if left[block]:
                first = np.uint64(start) + block * size
                end = min(first + size, np.uint64(stop))
                for i in range(first, end):
                    z[i] = routine(w[i], x[i], y[i])

    return kernel


def _single_first(results_of: UsualResults, routine: Routine) -> Callable[..., None]:
    size, one = np.uint64(_BLOCK), np.uint64(1)
    usual, zero = results_of.routine, np.uint32(0)
    low_bound, high_bound = results_of.bounds

    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        a, kept = x[0], np.empty(size, z.dtype) if y is z else z[:0]
        left = np.empty((np.uint64(stop) - np.uint64(start) + size - one) // size, np.bool_)
        for block in range(np.uint64(left.size)):
            first = np.uint64(start) + block * size
            end = min(first + size, np.uint64(stop))
            results, low, high = kept if kept.size else z[first:end], zero, zero
            for i in range(end - first):
                results[i], p, q = usual(a, y[first + i])
                low = p if p > low else low
                high = q if q > high else high
            left[block] = low > low_bound or high > high_bound
            if kept.size and not left[block]:
                for i in range(end - first):
                    z[first + i] = kept[i]
        for block in range(np.uint64(left.size)):
            if left[block]:
                first = np.uint64(start) + block * size
                end = min(first + size, np.uint64(stop))
                for i in range(first, end):
                    z[i] = routine(a, y[i])

    return kernel


def _single_second(results_of: UsualResults, routine: Routine) -> Callable[..., None]:
    size, one = np.uint64(_BLOCK), np.uint64(1)
    usual, zero = results_of.routine, np.uint32(0)
    low_bound, high_bound = results_of.bounds

    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        b, kept = y[0], np.empty(size, z.dtype) if x is z else z[:0]
        left = np.empty((np.uint64(stop) - np.uint64(start) + size - one) // size, np.bool_)
        for block in range(np.uint64(left.size)):
            first = np.uint64(start) + block * size
            end = min(first + size, np.uint64(stop))
            results, low, high = kept if kept.size else z[first:end], zero, zero
            for i in range(end - first):
                results[i], p, q = usual(x[first + i], b)
                low = p if p > low else low
                high = q if q > high else high
            left[block] = low > low_bound or high > high_bound
            if kept.size and not left[block]:
                for i in range(end - first):
                    z[first + i] = kept[i]
        for block in range(np.uint64(left.size)):
            if left[block]:
                first = np.uint64(start) + block * size
                end = min(first + size, np.uint64(stop))
                for i in range(first, end):
                    z[i] = routine(x[i], b)

    return kernel


_KERNELS: Final = (_unary, _binary, _ternary)
"""The makers of kernels, by the number of operands less one."""
