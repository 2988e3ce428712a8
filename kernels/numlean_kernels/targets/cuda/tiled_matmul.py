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
from dataclasses import dataclass
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

_READ_AT_ONCE: Final = 16
"""Bytes that one instruction brings from shared memory."""

_BLOCKS_AT_ONCE: Final = 2
"""So many of a processor's, that one computes while another waits for memory."""

Jit = Callable[[Callable[..., Any]], Callable[..., Any]]


def tiles(loop: Loop, table: Table, device: Device) -> Form:
    """A product, with a block of threads for each tile."""
    width, is_fused, jit = _hardware_width(table), FUSED[loop], device.function
    reach, is_apart = device.reach[width], not is_fused and table.get("accumulate") is not None
    tile = _Tile(device, reach, 4 if is_apart else np.dtype(type(table.zero)).itemsize)
    if is_apart:
        sums = _sums_apart(table, tile, jit)
    else:
        instructions = device.instructions(width) if width else None
        sums = _sums_of(table, instructions, tile, jit, is_fused=is_fused)
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
    return Form(kernel, loop.rank, grids, bounds=(side * side, _BLOCKS_AT_ONCE))


def _hardware_width(table: Table) -> int:
    """The width of the hardware floats that a table computes with; 0 if it does not."""
    return 8 * table.zero.itemsize if isinstance(table.zero, np.floating) else 0


class _Tile:
    """Where the numbers of a tile are, in shared memory and in a thread's registers.

    Attributes:
        reach: How many rows, and columns, of elements each thread computes.
        extent: How many the tile has.
        of: ``of(me, r)``: which of them is a thread's r-th. A thread's are neighbours, as many as
            are read at once.
        pitch: How far apart terms are: a[i, k] is held at k * pitch + i, b[k, j] at k * pitch + j.
        size: Elements of a part.
    """

    def __init__(self, device: Device, reach: int, itemsize: int) -> None:
        group = min(reach, _READ_AT_ONCE // itemsize)
        self.reach, self.extent = reach, device.side * reach
        self.pitch = self.extent + group
        self.size = device.side * self.pitch
        # Unsigned, so that numba need not look for negative indices.
        near, wide = np.uint64(group), np.uint64(device.side)

        def of(me: Any, r: Any) -> Any:
            return (r // near * wide + me) * near + r % near

        self.of = device.function(of)


@dataclass(frozen=True)
class _Sums:
    """How sums of products are computed.

    Attributes:
        zero: The +0 of operands.
        kind: The type of what is held.
        planes: How many of them are a number. Each has its own part of an array.
        enter: ``enter(held, place, x)``: hold an operand.
        start: ``start(sums, r, s)``: begin with +0.
        add: ``add(left, right, sums, count, y, x)``: add the products of so many terms.
        leave: ``leave(sums, r, s)``, a result.
        settle: ``settle(a, b, c, i, j)``, which mends the result c[i, j].
    """

    zero: Any
    kind: Any
    planes: int
    enter: Routine
    start: Routine
    add: Routine
    leave: Routine
    settle: Routine


def _make_product(sums_of: _Sums, tile_of: _Tile, device: Device) -> Callable[..., None]:
    enter, start_sum, add, leave = sums_of.enter, sums_of.start, sums_of.add, sums_of.leave
    settle, kind, zero, of = sums_of.settle, sums_of.kind, sums_of.zero, tile_of.of
    alignment, size = device.alignment, sums_of.planes * tile_of.size
    square = (sums_of.planes * tile_of.reach, tile_of.reach)
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
                add(left, right, sums, wide, y, x)  # so many always, which the compiler likes
            else:
                add(left, right, sums, terms - start, y, x)
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


def _sums_of(
    table: Table, instructions: Instructions | None, tile: _Tile, jit: Jit, *, is_fused: bool
) -> _Sums:
    """As the hardware has them; mended by the table's own, where there is no hardware."""
    zero, settled = table.zero, jit(_settled)
    kind = type(zero) if isinstance(zero, np.generic) else object
    exact = jit(_step(table["add"], table["mul"], table["fma"] if is_fused else None))
    step, settle = exact, settled
    if instructions is not None and not (is_fused and instructions.fma is None):
        fma = instructions.fma if is_fused else None
        step = jit(_step(instructions.add, instructions.mul, fma))
        settle = jit(_make_settle(exact, zero))
    many, pitch, of = np.uint64(tile.reach), np.uint64(tile.pitch), tile.of

    def enter(held: Any, place: Any, x: Any) -> None:
        held[place] = x

    def start(sums: Any, r: Any, s: Any) -> None:
        sums[r, s] = zero

    def add(left: Any, right: Any, sums: Any, count: Any, y: Any, x: Any) -> None:
        for k in range(count):
            for r in range(many):
                for s in range(many):
                    a, b = left[k * pitch + of(y, r)], right[k * pitch + of(x, s)]
                    sums[r, s] = step(a, b, sums[r, s])

    return _Sums(zero, kind, 1, jit(enter), jit(start), jit(add), jit(_result), settle)


def _sums_apart(table: Table, tile: _Tile, jit: Jit) -> _Sums:
    """Of numbers taken apart. What is not known after a few terms is computed again.

    A thread's first plane of sums has their significands, the second their exponents.
    """
    names = ("apart", "together", "accumulate", "accumulate by encodings")
    apart, together, accumulate, by_encodings = map(table.__getitem__, names)
    zero, size, square = table.zero, np.uint64(tile.size), (2 * tile.reach, tile.reach)
    many, pitch, of = np.uint64(tile.reach), np.uint64(tile.pitch), tile.of
    kind = np.int32 if isinstance(zero, np.generic) else object

    def enter(held: Any, place: Any, x: Any) -> None:
        held[place], held[place + size] = apart(x)

    def start(sums: Any, r: Any, s: Any) -> None:
        sums[r, s], sums[r + many, s] = apart(zero)

    def add(left: Any, right: Any, sums: Any, count: Any, y: Any, x: Any) -> None:
        before = cuda.local.array(square, kind)
        for r in range(many + many):
            for s in range(many):
                before[r, s] = sums[r, s]
        are_known = True
        for k in range(count):
            for r in range(many):
                for s in range(many):
                    i, j = k * pitch + of(y, r), k * pitch + of(x, s)
                    sig, exp, is_known = accumulate(
                        *(left[i], left[i + size], right[j], right[j + size]),
                        *(sums[r, s], sums[r + many, s]),
                    )
                    sums[r, s], sums[r + many, s] = sig, exp
                    are_known &= is_known
        if not are_known:
            for r in range(many):
                for s in range(many):
                    sig, exp = before[r, s], before[r + many, s]
                    for k in range(count):
                        i, j = k * pitch + of(y, r), k * pitch + of(x, s)
                        sig, exp = by_encodings(
                            left[i], left[i + size], right[j], right[j + size], sig, exp
                        )
                    sums[r, s], sums[r + many, s] = sig, exp

    def leave(sums: Any, r: Any, s: Any) -> Any:
        return together(sums[r, s], sums[r + many, s])

    return _Sums(zero, kind, 2, jit(enter), jit(start), jit(add), jit(leave), jit(_settled))


def _step(add: Routine, mul: Routine, fma: Routine | None) -> Routine:
    def separate(x: Any, y: Any, total: Any) -> Any:
        return add(total, mul(x, y))

    return separate if fma is None else _ternary(fma)


def _ternary(routine: Routine) -> Routine:
    def ternary(x: Any, y: Any, total: Any) -> Any:
        return routine(x, y, total)

    return ternary


def _result(sums: Any, r: Any, s: Any) -> Any:
    return sums[r, s]


def _settled(a: Any, b: Any, c: Any, i: Any, j: Any) -> None:
    """There is nothing to mend."""


def _make_settle(exact: Routine, zero: Any) -> Routine:
    def settle(a: Any, b: Any, c: Any, i: Any, j: Any) -> None:
        if c[i, j] != c[i, j]:
            total = zero
            for k in range(a.shape[1]):
                total = exact(a[i, k], b[k, j], total)
            c[i, j] = total

    return settle
