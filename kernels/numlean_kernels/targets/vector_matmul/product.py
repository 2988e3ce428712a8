"""Kernels of matrix products, made of tiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from numlean_kernels.formats import Format
from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.protocol import Loop, Table
from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.vector_matmul.direct import make_direct
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic, hardware_lanes
from numlean_kernels.targets.vector_matmul.machine import machine
from numlean_kernels.targets.vector_matmul.packed import make_packed
from numlean_kernels.targets.vector_matmul.settling import make_settle
from numlean_kernels.targets.vector_matmul.shape import shape


def vector_kernel(loop: Loop, format: Format) -> Callable[[Table], Callable[..., None]] | None:
    """Return the maker of the vector kernel of a loop and a hardware format, or None."""
    if loop not in (MATMUL, MATMUL_FMA):
        return None
    is_fused = loop is MATMUL_FMA
    return partial(make_product, hardware_lanes(format.width, fused=is_fused), is_fused=is_fused)


def make_product(
    arithmetic: LaneArithmetic, table: Table, *, is_fused: bool
) -> Callable[..., None]:
    """Return the kernel of products of batches of matrices, in lanes of some arithmetic."""
    sizes = shape(machine(), arithmetic.bits, arithmetic.temporaries)
    settle = make_settle(arithmetic, table, is_fused=is_fused)
    packed = make_packed(arithmetic, sizes, settle)
    has_direct = arithmetic.enter is None
    direct = make_direct(arithmetic, sizes, settle) if has_direct else packed
    few_rows, few_bytes = 4 * sizes.rows, 64 << 10

    def product(
        first_row: Any, end_row: Any, first_column: Any, end_column: Any, a: Any, b: Any, c: Any
    ) -> None:
        # Signed: numba converts the sum of a signed and an unsigned integer to a float.
        row, row_stop = np.int64(first_row), np.int64(end_row)
        column, column_stop = np.int64(first_column), np.int64(end_column)
        if has_direct and (row_stop - row <= few_rows or b.size * b.itemsize <= few_bytes):
            direct(row, row_stop, column, column_stop, a, b, c)
        else:
            packed(row, row_stop, column, column_stop, a, b, c)

    product = InlinedRoutine(product)

    def matmul(
        start: int,
        stop: int,
        first_row: int,
        end_row: int,
        first_column: int,
        end_column: int,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        for m in range(start, stop):
            product(first_row, end_row, first_column, end_column, a[m], b[m], c[m])

    return matmul
