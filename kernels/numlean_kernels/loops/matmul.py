"""Matrix products whose order of summation is fixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numlean_kernels.targets.protocol import Loop, Table


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


MATMUL = Loop("matmul", rank=2, make=_make_separate)
"""c[i, j]: acc = +0, then acc = acc + round(a[i, k] * b[k, j]) for ascending k."""

MATMUL_FMA = Loop("matmul_fma", rank=2, make=_make_fused)
"""c[i, j]: acc = +0, then acc = fma(a[i, k], b[k, j], acc) for ascending k."""
