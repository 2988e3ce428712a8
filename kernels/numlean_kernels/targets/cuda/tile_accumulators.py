"""Accumulators of a thread's sums of products: hardware floats, encodings or unpacked numbers.

GPUs choose NaNs differently from the rule, but a sum that becomes a NaN stays one. So sums of
hardware floats that are a NaN at the end are computed again by the table's own routines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from numlean_kernels.protocol import Instructions, Routine, Table
from numlean_kernels.targets.cuda.device import Device

_READ_AT_ONCE: Final = 16
"""Bytes that one instruction reads from shared memory."""

Jit = Callable[[Callable[..., Any]], Callable[..., Any]]


class Tile:
    """The layout of a tile in shared memory and in the registers of a thread.

    Attributes:
        reach: The rows, and columns, of elements that each thread computes.
        extent: The rows, and columns, of the tile.
        of: ``of(me, r)``: the index of the r-th row or column of a thread. Those of a thread are
            adjacent in groups that are read at once.
        pitch: The distance between terms: a[i, k] is at k * pitch + i, b[k, j] at k * pitch + j.
        size: The elements of a part.
    """

    def __init__(self, device: Device, reach: int, itemsize: int) -> None:
        group = min(reach, _READ_AT_ONCE // itemsize)
        self.reach, self.extent = reach, device.side * reach
        self.pitch = self.extent + group
        self.size = device.side * self.pitch
        # Unsigned, so that numba checks for no negative indices.
        near, wide = np.uint64(group), np.uint64(device.side)

        def of(me: Any, r: Any) -> Any:
            return (r // near * wide + me) * near + r % near

        self.of = device.function(of)


@dataclass(frozen=True)
class Accumulator:
    """The routines that accumulate sums of products.

    Attributes:
        zero: The +0 of operands.
        dtype: The type of the stored numbers.
        planes: How many of them represent one number. Each has its own part of an array.
        load: ``load(shared, place, x)``: store an operand.
        reset: ``reset(sums, r, s)``: set a sum to +0.
        add: ``add(left, right, sums, spare, count, y, x)``: add the products of ``count`` terms.
            The spare array is like that of the sums.
        result: ``result(sums, r, s)``: return a sum.
        recompute_nan: ``recompute_nan(a, b, c, i, j)``: compute c[i, j] again if it is a NaN.
    """

    zero: Any
    dtype: Any
    planes: int
    load: Routine
    reset: Routine
    add: Routine
    result: Routine
    recompute_nan: Routine


def rounded_accumulator(
    table: Table, instructions: Instructions | None, tile: Tile, jit: Jit, *, is_fused: bool
) -> Accumulator:
    """Return the accumulator of hardware floats, or else of a table's numbers."""
    zero, keep = table.zero, jit(_keep)
    dtype = type(zero) if isinstance(zero, np.generic) else object
    exact = jit(_step(table["add"], table["mul"], table["fma"] if is_fused else None))
    step, recompute_nan = exact, keep
    if instructions is not None and not (is_fused and instructions.fma is None):
        fma = instructions.fma if is_fused else None
        step = jit(_step(instructions.add, instructions.mul, fma))
        recompute_nan = jit(_make_recompute_nan(exact, zero))
    reach, pitch, of = np.uint64(tile.reach), np.uint64(tile.pitch), tile.of

    def load(shared: Any, place: Any, x: Any) -> None:
        shared[place] = x

    def reset(sums: Any, r: Any, s: Any) -> None:
        sums[r, s] = zero

    def add(left: Any, right: Any, sums: Any, spare: Any, count: Any, y: Any, x: Any) -> None:
        for k in range(count):
            for r in range(reach):
                for s in range(reach):
                    a, b = left[k * pitch + of(y, r)], right[k * pitch + of(x, s)]
                    sums[r, s] = step(a, b, sums[r, s])

    return Accumulator(zero, dtype, 1, jit(load), jit(reset), jit(add), jit(_result), recompute_nan)


def unpacked_accumulator(table: Table, tile: Tile, jit: Jit) -> Accumulator:
    """Return the accumulator of unpacked numbers; sums that are not known are computed again.

    The first plane of a thread's sums holds significands, the second exponents.
    """
    names = ("unpack", "pack", "accumulate", "accumulate by encodings")
    unpack, pack, accumulate, by_encodings = map(table.__getitem__, names)
    zero, size = table.zero, np.uint64(tile.size)
    reach, pitch, of = np.uint64(tile.reach), np.uint64(tile.pitch), tile.of
    dtype = np.int32 if isinstance(zero, np.generic) else object

    def load(shared: Any, place: Any, x: Any) -> None:
        shared[place], shared[place + size] = unpack(x)

    def reset(sums: Any, r: Any, s: Any) -> None:
        sums[r, s], sums[r + reach, s] = unpack(zero)

    def add(left: Any, right: Any, sums: Any, spare: Any, count: Any, y: Any, x: Any) -> None:
        for r in range(reach + reach):
            for s in range(reach):
                spare[r, s] = sums[r, s]
        are_known = True
        for k in range(count):
            for r in range(reach):
                for s in range(reach):
                    i, j = k * pitch + of(y, r), k * pitch + of(x, s)
                    sig, exp, is_known = accumulate(
                        *(left[i], left[i + size], right[j], right[j + size]),
                        *(sums[r, s], sums[r + reach, s]),
                    )
                    sums[r, s], sums[r + reach, s] = sig, exp
                    are_known &= is_known
        if not are_known:
            for r in range(reach):
                for s in range(reach):
                    sig, exp = spare[r, s], spare[r + reach, s]
                    for k in range(count):
                        i, j = k * pitch + of(y, r), k * pitch + of(x, s)
                        sig, exp = by_encodings(
                            left[i], left[i + size], right[j], right[j + size], sig, exp
                        )
                    sums[r, s], sums[r + reach, s] = sig, exp

    def result(sums: Any, r: Any, s: Any) -> Any:
        return pack(sums[r, s], sums[r + reach, s])

    return Accumulator(zero, dtype, 2, jit(load), jit(reset), jit(add), jit(result), jit(_keep))


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


def _keep(a: Any, b: Any, c: Any, i: Any, j: Any) -> None:
    """Do nothing: no result needs to be computed again."""


def _make_recompute_nan(exact: Routine, zero: Any) -> Routine:
    def recompute_nan(a: Any, b: Any, c: Any, i: Any, j: Any) -> None:
        if c[i, j] != c[i, j]:
            total = zero
            for k in range(a.shape[1]):
                total = exact(a[i, k], b[k, j], total)
            c[i, j] = total

    return recompute_nan
