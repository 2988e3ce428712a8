"""Matrix products through a GPU's shared memory, in the same order as the plain loop.

A block of threads computes a tile of the result: as many rows and columns as it has of threads, a
few times over. It brings parts of both operands into shared memory, some terms at a time, and
each thread adds their products to its elements while k ascends. Terms beyond the last are left out,
not replaced by zeros: an added zero may change a sum's bits.

On hardware floats a NaN is whatever the GPU makes of it; a sum that has become one stays one. So
what is a NaN in the end is computed again, by the table's own routines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Final

import numpy as np
from numba import cuda

from numlean_kernels.loops.matmul import BMM, BMM_FMA, MATMUL, MATMUL_FMA
from numlean_kernels.targets.cuda.device import Device
from numlean_kernels.targets.cuda.form import Extents, Form, Grid
from numlean_kernels.targets.protocol import Array, Instructions, Loop, Routine, Table

FUSED: Final = {MATMUL: False, MATMUL_FMA: True, BMM: False, BMM_FMA: True}
"""The products, and whether their multiply-adds are fused."""

Jit = Callable[[Callable[..., Any]], Callable[..., Any]]


def tiles(loop: Loop, table: Table, device: Device) -> Form:
    """A product, with a block of threads for each tile."""
    width = _hardware_width(table)
    instructions = device.instructions(width) if width else None
    side, reach = device.side, device.reach[width]
    extent = side * reach
    product = device.function(
        _make_product(loop, table, instructions, device.function, side, reach)
    )

    def matmul(domain: Any, arrays: Any) -> None:
        a, b, c = arrays
        product(np.uint64(cuda.blockIdx.x), a, b, c)

    def bmm(domain: Any, arrays: Any) -> None:
        a, b, c = arrays
        tiles = (domain[1] + extent - 1) // extent * ((domain[2] + extent - 1) // extent)
        m = cuda.blockIdx.x // tiles
        product(np.uint64(cuda.blockIdx.x - m * tiles), a[m], b[m], c[m])

    def grids(domain: Extents, _: Sequence[Array]) -> list[Grid]:
        *batches, rows, columns = domain
        blocks = prod(batches) * -(-rows // extent) * -(-columns // extent)
        return [Grid(blocks, (side, side), domain)]

    return Form(matmul if loop.rank == 2 else bmm, loop.rank, grids)


def _hardware_width(table: Table) -> int:
    """The width of the hardware floats that a table computes with; 0 if it does not."""
    return 8 * table.zero.itemsize if isinstance(table.zero, np.floating) else 0


def _make_product(
    loop: Loop,
    table: Table,
    instructions: Instructions | None,
    jit: Jit,
    side: int,
    reach: int,
) -> Callable[..., None]:
    zero, size, square = table.zero, side * side * reach, (reach, reach)
    # Unsigned, so that numba need not look for negative indices; all, lest it make floats of some.
    none, one, wide, many = np.uint64(0), np.uint64(1), np.uint64(side), np.uint64(reach)
    extent, part = np.uint64(side * reach), np.uint64(side * side)
    term, settle = _term(table, instructions, jit, is_fused=FUSED[loop])

    def product(tile: Any, a: Any, b: Any, c: Any) -> None:
        rows, columns = np.uint64(c.shape[0]), np.uint64(c.shape[1])
        terms, across = np.uint64(a.shape[1]), (columns + extent - one) // extent
        y, x = np.uint64(cuda.threadIdx.y), np.uint64(cuda.threadIdx.x)
        first_row = tile // across * extent + y
        first_column = tile % across * extent + x
        # Element (i, k) of the part of a stands at i * side + k; (k, j) of b at k * extent + j.
        left = cuda.shared.array(size, a.dtype)
        right = cuda.shared.array(size, b.dtype)
        sums = cuda.local.array(square, c.dtype)
        for r in range(many):
            for s in range(many):
                sums[r, s] = zero
        for start in range(none, terms, wide):
            for r in range(many):
                i, j = first_row + r * wide, first_column + r * wide
                within = i < rows and start + x < terms
                left[y * wide + x + r * part] = a[i, start + x] if within else zero
                within = j < columns and start + y < terms
                right[y * extent + x + r * wide] = b[start + y, j] if within else zero
            cuda.syncthreads()
            for k in range(min(wide, terms - start)):
                of_a, of_b = y * wide + k, k * extent + x
                for r in range(many):
                    for s in range(many):
                        sums[r, s] = term(left[of_a + r * part], right[of_b + s * wide], sums[r, s])
            cuda.syncthreads()
        # Apart, so that the sums are at fixed places and may stay in registers.
        for r in range(many):
            for s in range(many):
                if first_row + r * wide < rows and first_column + s * wide < columns:
                    c[first_row + r * wide, first_column + s * wide] = sums[r, s]
        for r in range(many):
            for s in range(many):
                if first_row + r * wide < rows and first_column + s * wide < columns:
                    settle(a, b, c, first_row + r * wide, first_column + s * wide)

    return product


def _term(
    table: Table, instructions: Instructions | None, jit: Jit, *, is_fused: bool
) -> tuple[Routine, Routine]:
    """``term(x, y, sum)``, the next sum; and ``settle(a, b, c, i, j)``, which mends c[i, j]."""
    exact = jit(_step(table["add"], table["mul"], table["fma"] if is_fused else None))
    if instructions is None or (is_fused and instructions.fma is None):
        return exact, jit(_leave)
    raw = _step(instructions.add, instructions.mul, instructions.fma if is_fused else None)
    return jit(raw), jit(_make_settle(exact, table.zero))


def _step(add: Routine, mul: Routine, fma: Routine | None) -> Routine:
    def separate(x: Any, y: Any, total: Any) -> Any:
        return add(total, mul(x, y))

    if fma is None:
        return separate
    fused_multiply_add = fma

    def fused(x: Any, y: Any, total: Any) -> Any:
        return fused_multiply_add(x, y, total)

    return fused


def _leave(a: Any, b: Any, c: Any, i: Any, j: Any) -> None:
    pass


def _make_settle(exact: Routine, zero: Any) -> Routine:
    def settle(a: Any, b: Any, c: Any, i: Any, j: Any) -> None:
        if c[i, j] != c[i, j]:
            total = zero
            for k in range(a.shape[1]):
                total = exact(a[i, k], b[k, j], total)
            c[i, j] = total

    return settle
