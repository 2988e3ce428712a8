"""Matrix products whose order of summation is fixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numlean_kernels.protocol import Loop, Table


def _make_separate(table: Table) -> Callable[..., None]:
    add, mul, zero = table["add"], table["mul"], table.zero

    def matmul(
        row_start: int, row_stop: int, column_start: int, column_stop: int, a: Any, b: Any, c: Any
    ) -> None:
        for i in range(row_start, row_stop):
            for j in range(column_start, column_stop):
                c[i, j] = zero
            for k in range(a.shape[1]):
                a_ik = a[i, k]
                for j in range(column_start, column_stop):
                    c[i, j] = add(c[i, j], mul(a_ik, b[k, j]))

    return matmul


def _make_fused(table: Table) -> Callable[..., None]:
    fma, zero = table["fma"], table.zero

    def matmul(
        row_start: int, row_stop: int, column_start: int, column_stop: int, a: Any, b: Any, c: Any
    ) -> None:
        for i in range(row_start, row_stop):
            for j in range(column_start, column_stop):
                c[i, j] = zero
            for k in range(a.shape[1]):
                a_ik = a[i, k]
                for j in range(column_start, column_stop):
                    c[i, j] = fma(a_ik, b[k, j], c[i, j])

    return matmul


def _make_batched(table: Table) -> Callable[..., None]:
    add, mul, zero = table["add"], table["mul"], table.zero

    def bmm(
        start: int,
        stop: int,
        row_start: int,
        row_stop: int,
        column_start: int,
        column_stop: int,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        for m in range(start, stop):
            for i in range(row_start, row_stop):
                for j in range(column_start, column_stop):
                    c[m, i, j] = zero
                for k in range(a.shape[2]):
                    a_ik = a[m, i, k]
                    for j in range(column_start, column_stop):
                        c[m, i, j] = add(c[m, i, j], mul(a_ik, b[m, k, j]))

    return bmm


def _make_batched_fused(table: Table) -> Callable[..., None]:
    fma, zero = table["fma"], table.zero

    def bmm(
        start: int,
        stop: int,
        row_start: int,
        row_stop: int,
        column_start: int,
        column_stop: int,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        for m in range(start, stop):
            for i in range(row_start, row_stop):
                for j in range(column_start, column_stop):
                    c[m, i, j] = zero
                for k in range(a.shape[2]):
                    a_ik = a[m, i, k]
                    for j in range(column_start, column_stop):
                        c[m, i, j] = fma(a_ik, b[m, k, j], c[m, i, j])

    return bmm


MATMUL = Loop("matmul", rank=2, make=_make_separate)
"""c[i, j]: acc = +0, then acc = acc + round(a[i, k] * b[k, j]) for ascending k."""

MATMUL_FMA = Loop("matmul_fma", rank=2, make=_make_fused)
"""c[i, j]: acc = +0, then acc = fma(a[i, k], b[k, j], acc) for ascending k."""

BMM = Loop("bmm", rank=3, make=_make_batched)
"""c[m, i, j]: what ``MATMUL`` computes of a[m] and b[m]."""

BMM_FMA = Loop("bmm_fma", rank=3, make=_make_batched_fused)
"""c[m, i, j]: what ``MATMUL_FMA`` computes of a[m] and b[m]."""
