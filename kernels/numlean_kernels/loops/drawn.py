"""Loops over operations that round at random, which draw their random words themselves.

The word of an element is ``philox(key[0], key[1], i)``: of the seed, the draw and the place in the
result. Where a loop draws several times, the later draws follow in key[1]. So the words are those
of ``filled("philox")``, and need no array. Only the CPU uses these loops. Products and sums start
the words of each place once for all draws; their results have at most 2**32 cells.

Where the routines of a table have known results (``known_results_of``), a block or a row is
computed from them; if one is not known, the routines compute it again. Other routines get the words
of a block from an array: with both in one loop there are too few registers. Products carry the
numbers of a row in hardware floats, if the table has routines for that, which also tell what is
known.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import numpy as np

from numlean_kernels.protocol import Loop, Routine, Table, known_results_of

_PHILOX, _START, _RESUME = "philox", "start philox", "resume philox"
"""The routines that draw; tables of stochastic rounding have them."""

_BLOCK: Final = 512
"""The number of elements of a block, which stay in the first cache."""


@cache
def drawn(name: str, arity: int) -> Loop:
    """Return the loop z[i] = name(operands[i]..., word of i) over one to three operands."""

    def make(table: Table) -> Callable[..., None]:
        known = known_results_of(table[name])
        if known is None:
            return _PLAIN_KERNELS[arity - 1](table[name], table[_PHILOX])
        return _KERNELS[arity - 1](known, table[name], table[_PHILOX])

    return Loop(f"drawn {name}", rank=1, make=make)


def _plain_unary(routine: Routine, philox: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, key: Any, x: Any, z: Any) -> None:
        seed, draw, words = key[0], key[1], np.empty(size, np.uint64)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first = np.uint64(block)
            count = min(size, np.uint64(stop) - first)
            for i in range(np.uint64(0), count):
                words[i] = philox(seed, draw, first + i)
            for i in range(np.uint64(0), count):
                z[first + i] = routine(x[first + i], words[i])

    return kernel


def _plain_binary(routine: Routine, philox: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, key: Any, x: Any, y: Any, z: Any) -> None:
        seed, draw, words = key[0], key[1], np.empty(size, np.uint64)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first = np.uint64(block)
            count = min(size, np.uint64(stop) - first)
            for i in range(np.uint64(0), count):
                words[i] = philox(seed, draw, first + i)
            for i in range(np.uint64(0), count):
                z[first + i] = routine(x[first + i], y[first + i], words[i])

    return kernel


def _plain_ternary(routine: Routine, philox: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, key: Any, w: Any, x: Any, y: Any, z: Any) -> None:
        seed, draw, words = key[0], key[1], np.empty(size, np.uint64)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first = np.uint64(block)
            count = min(size, np.uint64(stop) - first)
            for i in range(np.uint64(0), count):
                words[i] = philox(seed, draw, first + i)
            for i in range(np.uint64(0), count):
                z[first + i] = routine(w[first + i], x[first + i], y[first + i], words[i])

    return kernel


def _unary(known: Routine, routine: Routine, philox: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, key: Any, x: Any, z: Any) -> None:
        seed, draw, results = key[0], key[1], np.empty(size, z.dtype)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first, are_known = np.uint64(block), True
            end = min(first + size, np.uint64(stop))
            for i in range(np.uint64(0), end - first):
                word = philox(seed, draw, first + i)
                results[i], is_known = known(x[first + i], word)
                are_known &= is_known
            if are_known:
                for i in range(np.uint64(0), end - first):
                    z[first + i] = results[i]
            else:
                for i in range(first, end):
                    z[i] = routine(x[i], philox(seed, draw, i))

    return kernel


def _binary(known: Routine, routine: Routine, philox: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, key: Any, x: Any, y: Any, z: Any) -> None:
        seed, draw, results = key[0], key[1], np.empty(size, z.dtype)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first, are_known = np.uint64(block), True
            end = min(first + size, np.uint64(stop))
            for i in range(np.uint64(0), end - first):
                word = philox(seed, draw, first + i)
                results[i], is_known = known(x[first + i], y[first + i], word)
                are_known &= is_known
            if are_known:
                for i in range(np.uint64(0), end - first):
                    z[first + i] = results[i]
            else:
                for i in range(first, end):
                    z[i] = routine(x[i], y[i], philox(seed, draw, i))

    return kernel


def _ternary(known: Routine, routine: Routine, philox: Routine) -> Callable[..., None]:
    size = np.uint64(_BLOCK)

    def kernel(start: int, stop: int, key: Any, w: Any, x: Any, y: Any, z: Any) -> None:
        seed, draw, results = key[0], key[1], np.empty(size, z.dtype)
        for block in range(np.uint64(start), np.uint64(stop), size):
            first, are_known = np.uint64(block), True
            end = min(first + size, np.uint64(stop))
            for i in range(np.uint64(0), end - first):
                word = philox(seed, draw, first + i)
                results[i], is_known = known(w[first + i], x[first + i], y[first + i], word)
                are_known &= is_known
            if are_known:
                for i in range(np.uint64(0), end - first):
                    z[first + i] = results[i]
            else:
                for i in range(first, end):
                    z[i] = routine(w[i], x[i], y[i], philox(seed, draw, i))

    return kernel


_PLAIN_KERNELS: Final = (_plain_unary, _plain_binary, _plain_ternary)
_KERNELS: Final = (_unary, _binary, _ternary)
"""The makers of kernels, by the number of operands less one."""


def _make_matmul(table: Table, *, is_fused: bool) -> Callable[..., None]:
    zero, one, terms = table.zero, np.uint64(1), np.uint64(1 if is_fused else 2)
    start_word, word_of = table[_START], table[_RESUME]
    # numba removes the branch that a constant excludes, so the other routines are not needed.
    fma: Any = table["fma"] if is_fused else None
    add: Any = None if is_fused else table["add"]
    mul: Any = None if is_fused else table["mul"]
    enter: Any = table.get("enter")
    is_carried = enter is not None
    leave: Any = table["leave"] if is_carried else None
    carried_fma: Any = table["carried fma"] if is_carried and is_fused else None
    carried_add: Any = table["carried add"] if is_carried and not is_fused else None
    carried_mul: Any = table["carried mul"] if is_carried and not is_fused else None

    def matmul(
        start: int,
        stop: int,
        row_start: int,
        row_stop: int,
        column_start: int,
        column_stop: int,
        key: Any,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        seed, totals = key[0], np.empty(c.shape[2], np.float64)
        products, lows = np.empty(c.shape[2], np.uint64), np.empty(c.shape[2], np.uint64)
        for m in range(start, stop):
            for i in range(row_start, row_stop):
                first, are_known = np.uint64((m * c.shape[1] + i) * c.shape[2]), is_carried
                for j in range(np.uint64(column_start), np.uint64(column_stop)):
                    c[m, i, j], totals[j] = zero, 0.0
                    products[j], lows[j] = start_word(seed, key[1], first + j)
                if is_carried:
                    draw = key[1]
                    for k in range(a.shape[2]):
                        x = enter(a[m, i, k])
                        for j in range(np.uint64(column_start), np.uint64(column_stop)):
                            y, word = enter(b[m, k, j]), word_of(seed, draw, products[j], lows[j])
                            if is_fused:
                                totals[j], is_known = carried_fma(x, y, totals[j], word)
                            else:
                                term, is_known = carried_mul(x, y, word)
                                further = word_of(seed, draw + one, products[j], lows[j])
                                totals[j], is_sum_known = carried_add(totals[j], term, further)
                                is_known &= is_sum_known
                            are_known &= is_known
                        draw += terms
                    for j in range(np.uint64(column_start), np.uint64(column_stop)):
                        c[m, i, j] = leave(totals[j])
                if not are_known:
                    if is_carried:
                        for j in range(column_start, column_stop):
                            c[m, i, j] = zero
                    draw = key[1]
                    for k in range(a.shape[2]):
                        a_ik = a[m, i, k]
                        for j in range(np.uint64(column_start), np.uint64(column_stop)):
                            word = word_of(seed, draw, products[j], lows[j])
                            if is_fused:
                                c[m, i, j] = fma(a_ik, b[m, k, j], c[m, i, j], word)
                            else:
                                product = mul(a_ik, b[m, k, j], word)
                                further = word_of(seed, draw + one, products[j], lows[j])
                                c[m, i, j] = add(c[m, i, j], product, further)
                        draw += terms

    return matmul


def _make_sum(table: Table) -> Callable[..., None]:
    add, zero, one = table["add"], table.zero, np.uint64(1)
    start_word, word_of = table[_START], table[_RESUME]
    known: Any = known_results_of(add)
    has_known = known is not None

    def sum_ordered(
        outer_start: int,
        outer_stop: int,
        inner_start: int,
        inner_stop: int,
        key: Any,
        x: Any,
        z: Any,
    ) -> None:
        seed = key[0]
        products, lows = np.empty(z.shape[1], np.uint64), np.empty(z.shape[1], np.uint64)
        for i in range(outer_start, outer_stop):
            first, are_known = np.uint64(i * z.shape[1]), has_known
            for j in range(np.uint64(inner_start), np.uint64(inner_stop)):
                z[i, j] = zero
                products[j], lows[j] = start_word(seed, key[1], first + j)
            if has_known:
                draw = key[1]
                for k in range(x.shape[1]):
                    for j in range(np.uint64(inner_start), np.uint64(inner_stop)):
                        word = word_of(seed, draw, products[j], lows[j])
                        z[i, j], is_known = known(z[i, j], x[i, k, j], word)
                        are_known &= is_known
                    draw += one
            if not are_known:
                if has_known:
                    for j in range(inner_start, inner_stop):
                        z[i, j] = zero
                draw = key[1]
                for k in range(x.shape[1]):
                    for j in range(np.uint64(inner_start), np.uint64(inner_stop)):
                        word = word_of(seed, draw, products[j], lows[j])
                        z[i, j] = add(z[i, j], x[i, k, j], word)
                    draw += one

    return sum_ordered


MATMUL_DRAWN: Final = Loop("matmul_drawn", rank=3, make=partial(_make_matmul, is_fused=False))
"""As ``MATMUL``; draw 2*k rounds the products of term k, draw 2*k + 1 the sums."""

MATMUL_FMA_DRAWN: Final = Loop(
    "matmul_fma_drawn", rank=3, make=partial(_make_matmul, is_fused=True)
)
"""As ``MATMUL_FMA``; draw k rounds the results of term k."""

SUM_DRAWN: Final = Loop("sum_drawn", rank=2, make=_make_sum)
"""As ``SUM_ORDERED``; draw k rounds the sums with term k."""
