"""Kernels of matrix products, made of tiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from numlean_kernels.formats import Format
from numlean_kernels.loops.matmul import PRODUCTS, Product
from numlean_kernels.protocol import Loop, Table
from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.vector_matmul.direct import make_direct, make_direct_by_line
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic, hardware_lanes
from numlean_kernels.targets.vector_matmul.machine import machine
from numlean_kernels.targets.vector_matmul.packed import make_packed
from numlean_kernels.targets.vector_matmul.settling import make_settle
from numlean_kernels.targets.vector_matmul.shape import shape

_FEW_BYTES: Final = 64 << 10
"""The size of b up to which panels do not pay."""

_FEW_TILES: Final = 4
"""The number of tiles in a column up to which panels do not pay."""


def vector_kernel(loop: Loop, format: Format) -> Callable[[Table], Callable[..., None]] | None:
    """Return the maker of the vector kernel of a loop and a hardware format, or None."""
    product = PRODUCTS.get(loop)
    if product is None:
        return None
    arithmetic = hardware_lanes(format.width, fused=product.is_fused)
    return partial(make_product, arithmetic, product=product)


def make_product(
    arithmetic: LaneArithmetic, table: Table, *, product: Product
) -> Callable[..., None]:
    """Return the kernel of products of batches of matrices, in lanes of some arithmetic."""
    multiply = InlinedRoutine(_make_matrix_product(arithmetic, table, product))

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
            # Signed: numba converts the sum of a signed and an unsigned integer to a float.
            multiply(
                np.int64(first_row),
                np.int64(end_row),
                np.int64(first_column),
                np.int64(end_column),
                a[m],
                b[m],
                c[m],
            )

    return matmul


def _make_matrix_product(
    arithmetic: LaneArithmetic, table: Table, product: Product
) -> Callable[..., None]:
    """Return ``multiply(row, row_stop, column, column_stop, a, b, c)`` for three matrices."""
    sizes = shape(machine(), arithmetic.bits, arithmetic.temporaries)
    settle = make_settle(arithmetic, table, product)
    packed: Any = make_packed(
        arithmetic,
        sizes,
        settle,
        is_a_transposed=product.is_a_transposed,
        is_b_transposed=product.is_b_transposed,
    )
    if arithmetic.enter is not None:
        return packed  # type: ignore[no-any-return]
    make = make_direct_by_line if product.is_b_transposed else make_direct
    direct = make(arithmetic, sizes, settle, is_a_transposed=product.is_a_transposed)
    few_rows, few_bytes = _FEW_TILES * sizes.rows, _FEW_BYTES

    def multiply(
        row: Any, row_stop: Any, column: Any, column_stop: Any, a: Any, b: Any, c: Any
    ) -> None:
        if row_stop - row <= few_rows or b.size * b.itemsize <= few_bytes:
            direct(row, row_stop, column, column_stop, a, b, c)
        else:
            packed(row, row_stop, column, column_stop, a, b, c)

    return multiply
