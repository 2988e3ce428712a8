"""Products of batches of matrices that may be transposed in memory, in the order of ``matmul``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.protocol import Loop, Table


def _make_matmul_of_views(table: Table, *, is_fused: bool) -> Callable[..., None]:
    zero = table.zero
    fma: Any = table["fma"] if is_fused else None
    add: Any = None if is_fused else table["add"]
    mul: Any = None if is_fused else table["mul"]

    def matmul_of_views(
        start: int,
        stop: int,
        row_start: int,
        row_stop: int,
        column_start: int,
        column_stop: int,
        transposed: Any,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        terms = a.shape[1] if transposed[0] else a.shape[2]
        for m in range(start, stop):
            for i in range(row_start, row_stop):
                for j in range(column_start, column_stop):
                    row, column = (j, i) if transposed[2] else (i, j)
                    c[m, row, column] = zero
                    for k in range(terms):
                        x = a[m, k, i] if transposed[0] else a[m, i, k]
                        y = b[m, j, k] if transposed[1] else b[m, k, j]
                        if is_fused:
                            c[m, row, column] = fma(x, y, c[m, row, column])
                        else:
                            c[m, row, column] = add(c[m, row, column], mul(x, y))

    return matmul_of_views


MATMUL_OF_VIEWS: Final = Loop(
    "matmul_of_views", rank=3, make=partial(_make_matmul_of_views, is_fused=False)
)
"""MATMUL of matrices that may be transposed in memory: (transposed, a, b, c).

``transposed`` has a 1 for each of a, b and c whose array has the axes of its matrices exchanged.
The domain is that of the products, not of the array c."""

MATMUL_FMA_OF_VIEWS: Final = Loop(
    "matmul_fma_of_views", rank=3, make=partial(_make_matmul_of_views, is_fused=True)
)
"""MATMUL_FMA in the same way."""

OF_VIEWS: Final = {MATMUL: MATMUL_OF_VIEWS, MATMUL_FMA: MATMUL_FMA_OF_VIEWS}
"""The loops that compute the same products of matrices that may be transposed in memory."""
