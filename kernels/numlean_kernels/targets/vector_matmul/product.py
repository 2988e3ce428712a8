"""Kernels of matrix products, made of tiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import numpy as np

from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.loops.matmul_of_views import MATMUL_FMA_OF_VIEWS, MATMUL_OF_VIEWS, OF_VIEWS
from numlean_kernels.protocol import Loop, Table
from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.vector_matmul.direct import make_direct
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic, hardware_lanes
from numlean_kernels.targets.vector_matmul.machine import Machine, fuses, machine
from numlean_kernels.targets.vector_matmul.packed import make_packed
from numlean_kernels.targets.vector_matmul.rounded_lanes import fused_lanes, separate_lanes
from numlean_kernels.targets.vector_matmul.settling import make_settle
from numlean_kernels.targets.vector_matmul.shape import Shape, shape

_FEW_BYTES: Final = 64 << 10
"""The size of b up to which panels do not pay."""

_FEW_TILES: Final = 4
"""The number of tiles in a column up to which panels do not pay."""


_FUSED: Final = {
    MATMUL: False,
    MATMUL_FMA: True,
    MATMUL_OF_VIEWS: False,
    MATMUL_FMA_OF_VIEWS: True,
}


def vector_kernel(loop: Loop, table: Table) -> Callable[[Table], Callable[..., None]] | None:
    """Return the maker of the vector kernel of a loop and a table, or None."""
    if loop not in _FUSED:
        return None
    lanes = _lanes(table, _FUSED[loop])
    return None if lanes is None else partial(make_product, lanes, loop=loop)


@cache
def tile_of(loop: Loop, table: Table) -> tuple[int, int] | None:
    """Return the rows and columns of a tile of a vector kernel; None if there is none."""
    lanes = _lanes(table, _FUSED[loop]) if loop in _FUSED else None
    if lanes is None:
        return None
    sizes = shape(machine(), lanes.bits, lanes.temporaries)
    return sizes.rows, sizes.columns


def _lanes(table: Table, is_fused: bool) -> LaneArithmetic | None:
    if table.fast is not None:
        return hardware_lanes(table.fast.width, fused=is_fused)
    carried = table.carried_fused if is_fused else table.carried
    if carried is None or not fuses():
        return None
    make = fused_lanes if is_fused else separate_lanes
    width = carried.wide.width
    return make(carried, table[f"carry {width}"], table[f"uncarry {width}"])


def make_product(
    arithmetic: LaneArithmetic, table: Table, *, loop: Loop, processor: Machine | None = None
) -> Callable[..., None]:
    """Return the kernel of products of batches of matrices, in lanes of some arithmetic.

    Args:
        arithmetic: How lanes add the terms.
        table: The routines that compute sums again which are not final.
        loop: A loop of :mod:`numlean_kernels.loops.matmul` or of ``matmul_of_views``.
        processor: The vectors for which tiles are shaped; None for those of this processor. Every
            processor runs all of them, but others more slowly.
    """
    vectors = machine() if processor is None else processor
    sizes = shape(vectors, arithmetic.bits, arithmetic.temporaries)
    multiply = InlinedRoutine(_make_multiply(arithmetic, table, sizes, _FUSED[loop]))

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
            multiply(False, False, first_row, end_row, first_column, end_column, a[m], b[m], c[m])

    def matmul_of_views(
        start: int,
        stop: int,
        first_row: int,
        end_row: int,
        first_column: int,
        end_column: int,
        transposed: Any,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        at, bt = transposed[0] != 0, transposed[1] != 0
        for m in range(start, stop):
            multiply(at, bt, first_row, end_row, first_column, end_column, a[m], b[m], c[m])

    return matmul if loop in OF_VIEWS else matmul_of_views


def _make_multiply(
    arithmetic: LaneArithmetic, table: Table, sizes: Shape, is_fused: bool
) -> Callable[..., None]:
    """Return ``multiply(at, bt, row, row_stop, column, column_stop, a, b, c)`` for matrices."""
    settle = make_settle(arithmetic, table, is_fused=is_fused)
    packed = make_packed(arithmetic, sizes, settle)
    has_direct = arithmetic.enter is None
    direct = make_direct(arithmetic, sizes, settle) if has_direct else packed
    few_rows, few_bytes = _FEW_TILES * sizes.rows, _FEW_BYTES

    def multiply(
        at: Any,
        bt: Any,
        first_row: Any,
        end_row: Any,
        first_column: Any,
        end_column: Any,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        # Signed: numba converts the sum of a signed and an unsigned integer to a float.
        row, row_stop = np.int64(first_row), np.int64(end_row)
        column, column_stop = np.int64(first_column), np.int64(end_column)
        if has_direct and (row_stop - row <= few_rows or b.size * b.itemsize <= few_bytes):
            direct(at, bt, row, row_stop, column, column_stop, a, b, c)
        else:
            packed(at, bt, row, row_stop, column, column_stop, a, b, c)

    return multiply
