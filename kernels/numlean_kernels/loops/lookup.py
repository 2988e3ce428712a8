"""Loops that look results up, for numbers whose codes have at most eight bits.

A table has the results of an operation on all codes: 256 of one operand, 256 by 256 of two. It is
an operand of the kernel, so one kernel serves every operation of every format, in every rounding,
and no code is outside of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from numlean_kernels.protocol import Loop, Table

_BY_TABLE: Final = "by table"


@cache
def looked_up(name: str, arity: int) -> Loop:
    """Return the loop z[i] = results[operands[i]...], over one or two operands.

    The arrays are ``results``, the operands and z.
    """
    return _LOOKUPS[arity - 1].renamed(f"{name} {_BY_TABLE}")


@cache
def looked_up_single(name: str, place: int) -> Loop:
    """Return the loop z[i] = results[x[0], y[i]], or at place 1 z[i] = results[x[i], y[0]]."""
    return _SINGLE[place].renamed(f"{name} {_BY_TABLE} single{place}")


def _make_unary(table: Table) -> Callable[..., None]:
    def look_up(start: int, stop: int, results: Any, x: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i] = results[x[i]]

    return look_up


def _make_pairs(table: Table) -> Callable[..., None]:
    def look_up_pairs(start: int, stop: int, results: Any, x: Any, y: Any, z: Any) -> None:
        for i in range(start, stop):
            z[i] = results[x[i], y[i]]

    return look_up_pairs


def _make_single_first(table: Table) -> Callable[..., None]:
    def look_up_row(start: int, stop: int, results: Any, x: Any, y: Any, z: Any) -> None:
        a = x[0]
        for i in range(start, stop):
            z[i] = results[a, y[i]]

    return look_up_row


def _make_single_second(table: Table) -> Callable[..., None]:
    def look_up_column(start: int, stop: int, results: Any, x: Any, y: Any, z: Any) -> None:
        b = y[0]
        for i in range(start, stop):
            z[i] = results[x[i], b]

    return look_up_column


def _make_matmul(table: Table) -> Callable[..., None]:
    def matmul_by_table(
        start: int,
        stop: int,
        row_start: int,
        row_stop: int,
        column_start: int,
        column_stop: int,
        products: Any,
        sums: Any,
        zero: Any,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        for m in range(start, stop):
            for i in range(row_start, row_stop):
                for j in range(column_start, column_stop):
                    c[m, i, j] = zero[0]
                for k in range(a.shape[2]):
                    a_ik = a[m, i, k]
                    for j in range(column_start, column_stop):
                        c[m, i, j] = sums[c[m, i, j], products[a_ik, b[m, k, j]]]

    return matmul_by_table


def _make_sum(table: Table) -> Callable[..., None]:
    def sum_by_table(
        outer_start: int,
        outer_stop: int,
        inner_start: int,
        inner_stop: int,
        sums: Any,
        zero: Any,
        x: Any,
        z: Any,
    ) -> None:
        for i in range(outer_start, outer_stop):
            for j in range(inner_start, inner_stop):
                z[i, j] = zero[0]
            for k in range(x.shape[1]):
                for j in range(inner_start, inner_stop):
                    z[i, j] = sums[z[i, j], x[i, k, j]]

    return sum_by_table


_LOOKUPS: Final = (
    Loop("look_up", rank=1, make=_make_unary),
    Loop("look_up_pairs", rank=1, make=_make_pairs),
)
_SINGLE: Final = (
    Loop("look_up_row", rank=1, make=_make_single_first),
    Loop("look_up_column", rank=1, make=_make_single_second),
)

MATMUL_BY_TABLE: Final = Loop(f"matmul {_BY_TABLE}", rank=3, make=_make_matmul)
"""c[m, i, j]: acc = zero[0], then acc = sums[acc, products[a[m, i, k], b[m, k, j]]] for ascending
k. The arrays are ``products``, ``sums``, ``zero``, a, b and c."""

SUM_BY_TABLE: Final = Loop(f"sum_ordered {_BY_TABLE}", rank=2, make=_make_sum)
"""z[i, j]: acc = zero[0], then acc = sums[acc, x[i, k, j]] for ascending k. The arrays are
``sums``, ``zero``, x and z."""
