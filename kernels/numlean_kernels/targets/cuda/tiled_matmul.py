"""Matrix products through a GPU's shared memory, in the same order as the plain loop.

A block of threads computes a tile of the result: as many rows and columns as it has of threads, a
few times over. It brings parts of both operands into shared memory, some terms at a time, and
each thread adds their products to its elements while k ascends. Terms beyond the last are left out,
not replaced by zeros: an added zero may change a sum's bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Final

import numpy as np
from numba import cuda

from numlean_kernels.loops.matmul import BMM, BMM_FMA, MATMUL, MATMUL_FMA
from numlean_kernels.protocol import Array, Loop, Table
from numlean_kernels.targets.cuda.device import Device
from numlean_kernels.targets.cuda.launch_config import Extents, Grid, LaunchConfig
from numlean_kernels.targets.cuda.tile_accumulators import Sums, Tile, sums_of, unpacked_accumulator

FUSED: Final = {MATMUL: False, MATMUL_FMA: True, BMM: False, BMM_FMA: True}
"""The products, and whether their multiply-adds are fused."""

_BLOCKS_AT_ONCE: Final = 2
"""So many of a processor's, that one computes while another waits for memory."""


def tiles(loop: Loop, table: Table, device: Device) -> LaunchConfig:
    """A product, with a block of threads for each tile."""
    width, is_fused, jit = _hardware_width(table), FUSED[loop], device.function
    reach, is_apart = device.reach[width], not is_fused and table.get("accumulate") is not None
    tile = Tile(device, reach, 4 if is_apart else np.dtype(type(table.zero)).itemsize)
    if is_apart:
        sums = unpacked_accumulator(table, tile, jit)
    else:
        instructions = device.instructions(width) if width else None
        sums = sums_of(table, instructions, tile, jit, is_fused=is_fused)
    side, extent = device.side, tile.extent
    product = jit(_make_product(sums, tile, device))

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

    kernel = matmul if loop.rank == 2 else bmm
    return LaunchConfig(kernel, loop.rank, grids, bounds=(side * side, _BLOCKS_AT_ONCE))


def _hardware_width(table: Table) -> int:
    """The width of the hardware floats that a table computes with; 0 if it does not."""
    return 8 * table.zero.itemsize if isinstance(table.zero, np.floating) else 0


def _make_product(how: Sums, tile_of: Tile, device: Device) -> Callable[..., None]:
    enter, start_sum, add = how.enter, how.start, how.add
    leave, settle, kind, zero, of = how.leave, how.settle, how.kind, how.zero, tile_of.of
    alignment, size = device.alignment, how.planes * tile_of.size
    square = (how.planes * tile_of.reach, tile_of.reach)
    none, one, many = np.uint64(0), np.uint64(1), np.uint64(tile_of.reach)
    wide, across, pitch = map(np.uint64, (device.side, tile_of.extent, tile_of.pitch))

    def product(tile: Any, a: Any, b: Any, c: Any) -> None:
        rows, columns, terms = np.uint64(c.shape[0]), np.uint64(c.shape[1]), np.uint64(a.shape[1])
        tiles = (columns + across - one) // across
        y, x = np.uint64(cuda.threadIdx.y), np.uint64(cuda.threadIdx.x)
        first_row, first_column = tile // tiles * across, tile % tiles * across
        left = cuda.shared.array(size, kind, alignment)
        right = cuda.shared.array(size, kind, alignment)
        sums = cuda.local.array(square, kind)
        spare = cuda.local.array(square, kind)
        for r in range(many):
            for s in range(many):
                start_sum(sums, r, s)
        for start in range(none, terms, wide):
            for r in range(many):
                i, j = y + r * wide, x + r * wide
                is_there = first_row + i < rows and start + x < terms
                enter(left, x * pitch + i, a[first_row + i, start + x] if is_there else zero)
                is_there = first_column + j < columns and start + y < terms
                enter(right, y * pitch + j, b[start + y, first_column + j] if is_there else zero)
            cuda.syncthreads()
            if start + wide <= terms:
                add(
                    left, right, sums, spare, wide, y, x
                )  # so many always, which the compiler likes
            else:
                add(left, right, sums, spare, terms - start, y, x)
            cuda.syncthreads()
        # Apart, so that the sums are at fixed places and may stay in registers.
        for r in range(many):
            for s in range(many):
                i, j = first_row + of(y, r), first_column + of(x, s)
                if i < rows and j < columns:
                    c[i, j] = leave(sums, r, s)
        for r in range(many):
            for s in range(many):
                i, j = first_row + of(y, r), first_column + of(x, s)
                if i < rows and j < columns:
                    settle(a, b, c, i, j)

    return product
