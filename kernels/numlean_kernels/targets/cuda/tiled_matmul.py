"""Matrix products through the shared memory of a GPU, in the order of the plain loop.

A block of threads computes a tile of the result with a multiple of as many rows and columns as it
has of threads. It loads parts of both operands into shared memory, some terms at a time, and each
thread adds their products to its elements for ascending k. Terms beyond the last are omitted, not
replaced by zeros: adding a zero may change the bits of a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numba import cuda

from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.protocol import Array, Loop, Table
from numlean_kernels.targets.cuda.device import Device
from numlean_kernels.targets.cuda.launch_config import Extents, Grid, LaunchConfig
from numlean_kernels.targets.cuda.tile_accumulators import (
    Accumulator,
    Tile,
    rounded_accumulator,
    unpacked_accumulator,
)

FUSED: Final = {MATMUL: False, MATMUL_FMA: True}
"""The products, and whether their multiply-adds are fused."""

_BLOCKS_AT_ONCE: Final = 2
"""Resident blocks per multiprocessor: one computes while another waits for memory."""


def tiles(loop: Loop, table: Table, device: Device) -> LaunchConfig:
    """Return the launch configuration of a product, with a block of threads per tile."""
    width, is_fused, jit = _hardware_width(table), FUSED[loop], device.function
    reach, is_unpacked = device.reach[width], not is_fused and table.get("accumulate") is not None
    tile = Tile(device, reach, 4 if is_unpacked else np.dtype(type(table.zero)).itemsize)
    if is_unpacked:
        sums = unpacked_accumulator(table, tile, jit)
    else:
        instructions = device.instructions(width) if width else None
        sums = rounded_accumulator(table, instructions, tile, jit, is_fused=is_fused)
    side, extent = device.side, tile.extent
    product = jit(_make_product(sums, tile, device))

    def matmul(domain: Any, arrays: Any) -> None:
        a, b, c = arrays
        tiles = (domain[1] + extent - 1) // extent * ((domain[2] + extent - 1) // extent)
        m = cuda.blockIdx.x // tiles
        product(np.uint64(cuda.blockIdx.x - m * tiles), a[m], b[m], c[m])

    def grids(domain: Extents, _: Sequence[Array]) -> list[Grid]:
        batch, rows, columns = domain
        blocks = batch * -(-rows // extent) * -(-columns // extent)
        return [Grid(blocks, (side, side), domain)]

    return LaunchConfig(matmul, loop.rank, grids, bounds=(side * side, _BLOCKS_AT_ONCE))


def _hardware_width(table: Table) -> int:
    """Return the width of the hardware floats that a table computes with; 0 if it does not."""
    return 8 * table.zero.itemsize if isinstance(table.zero, np.floating) else 0


def _make_product(accumulator: Accumulator, tile_of: Tile, device: Device) -> Callable[..., None]:
    load, reset, add = accumulator.load, accumulator.reset, accumulator.add
    result, recompute_nan, dtype, zero, of = (
        accumulator.result,
        accumulator.recompute_nan,
        accumulator.dtype,
        accumulator.zero,
        tile_of.of,
    )
    alignment, size = device.alignment, accumulator.planes * tile_of.size
    square = (accumulator.planes * tile_of.reach, tile_of.reach)
    none, one, reach = np.uint64(0), np.uint64(1), np.uint64(tile_of.reach)
    wide, across, pitch = map(np.uint64, (device.side, tile_of.extent, tile_of.pitch))

    def product(tile: Any, a: Any, b: Any, c: Any) -> None:
        rows, columns, terms = np.uint64(c.shape[0]), np.uint64(c.shape[1]), np.uint64(a.shape[1])
        tiles = (columns + across - one) // across
        y, x = np.uint64(cuda.threadIdx.y), np.uint64(cuda.threadIdx.x)
        first_row, first_column = tile // tiles * across, tile % tiles * across
        left = cuda.shared.array(size, dtype, alignment)
        right = cuda.shared.array(size, dtype, alignment)
        sums = cuda.local.array(square, dtype)
        spare = cuda.local.array(square, dtype)
        for r in range(reach):
            for s in range(reach):
                reset(sums, r, s)
        for start in range(none, terms, wide):
            for r in range(reach):
                i, j = y + r * wide, x + r * wide
                is_inside = first_row + i < rows and start + x < terms
                load(left, x * pitch + i, a[first_row + i, start + x] if is_inside else zero)
                is_inside = first_column + j < columns and start + y < terms
                load(right, y * pitch + j, b[start + y, first_column + j] if is_inside else zero)
            cuda.syncthreads()
            if start + wide <= terms:
                # A fixed number of terms, so that the compiler unrolls the loop.
                add(left, right, sums, spare, wide, y, x)
            else:
                add(left, right, sums, spare, terms - start, y, x)
            cuda.syncthreads()
        # Two loops, so that the sums have fixed places and may stay in registers.
        for r in range(reach):
            for s in range(reach):
                i, j = first_row + of(y, r), first_column + of(x, s)
                if i < rows and j < columns:
                    c[i, j] = result(sums, r, s)
        for r in range(reach):
            for s in range(reach):
                i, j = first_row + of(y, r), first_column + of(x, s)
                if i < rows and j < columns:
                    recompute_nan(a, b, c, i, j)

    return product
