"""Loops over the usual case of a routine, for blocks of elements that are all of it.

A routine of hardware floats does more than most operands need: it selects NaNs. If it has a usual
case (:class:`numlean_kernels.protocol.UsualCase`), a loop tests a block of elements first, and then
computes all of them by the usual case or by the routine; both are vector code. No result is stored
before, so that results may overwrite an operand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean_kernels.protocol import Routine, Table, usual_case_of

_BLOCK: Final = 512
"""The number of elements of a block, which stay in the first cache."""


def usual_case(table: Table, name: str, arity: int) -> Callable[..., None] | None:
    """Return the kernel of ``elementwise(name, arity)``; None if its routine has no usual case."""
    case = usual_case_of(table[name])
    if case is None or arity > len(_KERNELS):
        return None
    return _KERNELS[arity - 1](case.is_usual, case.routine, table[name])


def usual_case_of_broadcast(table: Table, name: str, place: int) -> Callable[..., None] | None:
    """Return the kernel of ``broadcast_operand(name, place)``, or None."""
    case = usual_case_of(table[name])
    if case is None:
        return None
    return (_single_first, _single_second)[place](case.is_usual, case.routine, table[name])


def _unary(is_usual: Routine, usual: Routine, routine: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, x: Any, z: Any) -> None:
        for block in range(np.uint64(start), np.uint64(stop), size):
            end, are_usual = min(np.uint64(block) + size, np.uint64(stop)), True
            for i in range(block, end):
                are_usual &= is_usual(x[i])
            if are_usual:
                for i in range(block, end):
                    z[i] = usual(x[i])
            else:
                for i in range(block, end):
                    z[i] = routine(x[i])

    return kernel


def _binary(is_usual: Routine, usual: Routine, routine: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        for block in range(np.uint64(start), np.uint64(stop), size):
            end, are_usual = min(np.uint64(block) + size, np.uint64(stop)), True
            for i in range(block, end):
                are_usual &= is_usual(x[i], y[i])
            if are_usual:
                for i in range(block, end):
                    z[i] = usual(x[i], y[i])
            else:
                for i in range(block, end):
                    z[i] = routine(x[i], y[i])

    return kernel


def _ternary(is_usual: Routine, usual: Routine, routine: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, w: Any, x: Any, y: Any, z: Any) -> None:
        for block in range(np.uint64(start), np.uint64(stop), size):
            end, are_usual = min(np.uint64(block) + size, np.uint64(stop)), True
            for i in range(block, end):
                are_usual &= is_usual(w[i], x[i], y[i])
            if are_usual:
                for i in range(block, end):
                    z[i] = usual(w[i], x[i], y[i])
            else:
                for i in range(block, end):
                    z[i] = routine(w[i], x[i], y[i])

    return kernel


def _single_first(is_usual: Routine, usual: Routine, routine: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        a = x[0]
        for block in range(np.uint64(start), np.uint64(stop), size):
            end, are_usual = min(np.uint64(block) + size, np.uint64(stop)), True
            for i in range(block, end):
                are_usual &= is_usual(a, y[i])
            if are_usual:
                for i in range(block, end):
                    z[i] = usual(a, y[i])
            else:
                for i in range(block, end):
                    z[i] = routine(a, y[i])

    return kernel


def _single_second(is_usual: Routine, usual: Routine, routine: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, x: Any, y: Any, z: Any) -> None:
        b = y[0]
        for block in range(np.uint64(start), np.uint64(stop), size):
            end, are_usual = min(np.uint64(block) + size, np.uint64(stop)), True
            for i in range(block, end):
                are_usual &= is_usual(x[i], b)
            if are_usual:
                for i in range(block, end):
                    z[i] = usual(x[i], b)
            else:
                for i in range(block, end):
                    z[i] = routine(x[i], b)

    return kernel


_KERNELS: Final = (_unary, _binary, _ternary)
"""The makers of kernels, by the number of operands less one."""
