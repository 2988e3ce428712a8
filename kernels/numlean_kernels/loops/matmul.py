"""Products of batches of matrices, in a fixed order of summation.

Where the routines of a table have usual results (``usual_results_of``), a row is computed from
them; if one is not known, the routines compute that row again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from numlean_kernels.protocol import Loop, Table, usual_results_of


def _make_matmul(table: Table, *, is_fused: bool) -> Callable[..., None]:
    zero, least = table.zero, np.uint32(0)
    # numba removes the branch that a constant excludes, so the other routines are not needed.
    fma: Any = table["fma"] if is_fused else None
    add: Any = None if is_fused else table["add"]
    mul: Any = None if is_fused else table["mul"]
    usual: Any = [usual_results_of(routine) for routine in (fma, add, mul) if routine is not None]
    has_usual = None not in usual
    usual_add: Any = usual[0].routine if has_usual else None  # or that of fma
    usual_mul: Any = usual[-1].routine if has_usual else None
    (low_bound, high_bound), (mul_low_bound, mul_high_bound) = (
        (usual[0].bounds, usual[-1].bounds) if has_usual else ((least, least),) * 2
    )

    def matmul(
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
                low, high, mul_low, mul_high = least, least, least, least
                for j in range(column_start, column_stop):
                    c[m, i, j] = zero
                if has_usual:
                    for k in range(a.shape[2]):
                        a_ik = a[m, i, k]
                        for j in range(column_start, column_stop):
                            if is_fused:
                                c[m, i, j], p, q = usual_add(a_ik, b[m, k, j], c[m, i, j])
                            else:
                                product, p, q = usual_mul(a_ik, b[m, k, j])
                                mul_low = p if p > mul_low else mul_low
                                mul_high = q if q > mul_high else mul_high
                                c[m, i, j], p, q = usual_add(c[m, i, j], product)
                            low = p if p > low else low
                            high = q if q > high else high
                are_known = has_usual and low <= low_bound and high <= high_bound
                are_known &= mul_low <= mul_low_bound and mul_high <= mul_high_bound
                if not are_known:
                    if has_usual:
                        for j in range(column_start, column_stop):
                            c[m, i, j] = zero
                    for k in range(a.shape[2]):
                        a_ik = a[m, i, k]
                        for j in range(column_start, column_stop):
                            if is_fused:
                                c[m, i, j] = fma(a_ik, b[m, k, j], c[m, i, j])
                            else:
                                c[m, i, j] = add(c[m, i, j], mul(a_ik, b[m, k, j]))

    return matmul


MATMUL: Final = Loop("matmul", rank=3, make=partial(_make_matmul, is_fused=False))
"""c[m, i, j]: acc = +0, then acc = acc + round(a[m, i, k] * b[m, k, j]) for ascending k."""

MATMUL_FMA: Final = Loop("matmul_fma", rank=3, make=partial(_make_matmul, is_fused=True))
"""c[m, i, j]: acc = +0, then acc = fma(a[m, i, k], b[m, k, j], acc) for ascending k."""
