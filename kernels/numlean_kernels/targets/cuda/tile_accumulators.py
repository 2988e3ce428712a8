"""How a thread adds up its sums of products, on hardware floats, on encodings, or on numbers apart.

On hardware floats a NaN is whatever the GPU makes of it; a sum that has become one stays one. So
what is a NaN in the end is computed again, by the table's own routines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from numlean_kernels.protocol import Instructions, Routine, Table
from numlean_kernels.targets.cuda.device import Device

_READ_AT_ONCE: Final = 16
"""Bytes that one instruction brings from shared memory."""

Jit = Callable[[Callable[..., Any]], Callable[..., Any]]


class Tile:
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
class Sums:
    """How sums of products are computed.

    Attributes:
        zero: The +0 of operands.
        kind: The type of what is held.
        planes: How many of them are a number. Each has its own part of an array.
        enter: ``enter(held, place, x)``: hold an operand.
        start: ``start(sums, r, s)``: begin with +0.
        add: ``add(left, right, sums, spare, count, y, x)``: add the products of so many terms. The
            spare array is like that of the sums.
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


def sums_of(
    table: Table, instructions: Instructions | None, tile: Tile, jit: Jit, *, is_fused: bool
) -> Sums:
    """As the hardware has them, and mended; where it has none, as the table has them."""
    zero, certain = table.zero, jit(_settled)
    kind = type(zero) if isinstance(zero, np.generic) else object
    exact = jit(_step(table["add"], table["mul"], table["fma"] if is_fused else None))
    step, settle = exact, certain
    if instructions is not None and not (is_fused and instructions.fma is None):
        fma = instructions.fma if is_fused else None
        step = jit(_step(instructions.add, instructions.mul, fma))
        settle = jit(_make_settle(exact, zero))
    many, pitch, of = np.uint64(tile.reach), np.uint64(tile.pitch), tile.of

    def enter(held: Any, place: Any, x: Any) -> None:
        held[place] = x

    def start(sums: Any, r: Any, s: Any) -> None:
        sums[r, s] = zero

    def add(left: Any, right: Any, sums: Any, spare: Any, count: Any, y: Any, x: Any) -> None:
        for k in range(count):
            for r in range(many):
                for s in range(many):
                    a, b = left[k * pitch + of(y, r)], right[k * pitch + of(x, s)]
                    sums[r, s] = step(a, b, sums[r, s])

    return Sums(zero, kind, 1, jit(enter), jit(start), jit(add), jit(_result), settle)


def unpacked_accumulator(table: Table, tile: Tile, jit: Jit) -> Sums:
    """Of numbers taken apart. What is not known after a few terms is computed again.

    A thread's first plane of sums has their significands, the second their exponents.
    """
    names = ("unpack", "pack", "accumulate", "accumulate by encodings")
    apart, together, accumulate, by_encodings = map(table.__getitem__, names)
    zero, size = table.zero, np.uint64(tile.size)
    many, pitch, of = np.uint64(tile.reach), np.uint64(tile.pitch), tile.of
    kind = np.int32 if isinstance(zero, np.generic) else object

    def enter(held: Any, place: Any, x: Any) -> None:
        held[place], held[place + size] = apart(x)

    def start(sums: Any, r: Any, s: Any) -> None:
        sums[r, s], sums[r + many, s] = apart(zero)

    def add(left: Any, right: Any, sums: Any, spare: Any, count: Any, y: Any, x: Any) -> None:
        for r in range(many + many):
            for s in range(many):
                spare[r, s] = sums[r, s]
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
                    sig, exp = spare[r, s], spare[r + many, s]
                    for k in range(count):
                        i, j = k * pitch + of(y, r), k * pitch + of(x, s)
                        sig, exp = by_encodings(
                            left[i], left[i + size], right[j], right[j + size], sig, exp
                        )
                    sums[r, s], sums[r + many, s] = sig, exp

    def leave(sums: Any, r: Any, s: Any) -> Any:
        return together(sums[r, s], sums[r + many, s])

    return Sums(zero, kind, 2, jit(enter), jit(start), jit(add), jit(leave), jit(_settled))


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
