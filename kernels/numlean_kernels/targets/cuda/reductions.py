"""Sums and maxima along an axis, through the shared memory of a GPU, in their fixed order.

An ordered sum is one chain of additions. A block of threads loads a part of the terms of several
sums into shared memory, and then one thread per sum adds its terms for ascending k. A balanced tree
is parallel: threads add all pairs of neighbours in shared memory, then the pairs of these sums,
until one is left per part; the sums of the parts are the numbers of the next launch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numba import cuda

from numlean_kernels.loops.reduce import MAX, SUM_ORDERED, SUM_PAIRWISE
from numlean_kernels.protocol import Array, Loop, Routine, Table
from numlean_kernels.targets.cuda.device import Device
from numlean_kernels.targets.cuda.launch_config import Extents, Grid, LaunchConfig

IN_ORDER: Final = {SUM_ORDERED: "add", MAX: "maximum"}
"""The loops over terms in order, and the operation that joins each term."""

TREE: Final = SUM_PAIRWISE

_WIDE: Final = 32
"""The number of adjacent numbers that a GPU reads at once."""


def in_order(loop: Loop, table: Table, device: Device) -> LaunchConfig:
    """Return the launch configuration of a sum or maximum whose terms a block loads."""
    join = device.function(_joined(table[IN_ORDER[loop]]))
    kernel = _make_in_order(join, table.zero, device, begins_with_first=loop is MAX)

    def grids(domain: Extents, _: Sequence[Array]) -> list[Grid]:
        outer, inner = domain
        across = _power_within(min(outer * inner, _WIDE, device.threads))
        return [Grid(-(-outer * inner // across), device.threads, (inner, across))]

    return LaunchConfig(kernel, 2, grids)


def tree(loop: Loop, table: Table, device: Device) -> LaunchConfig:
    """Return the launch configuration of the tree sum.

    Between launches the sum of each part is stored where the part begins.
    """
    kernel = _make_tree(device.function(_joined(table["add"])), device)

    def grids(domain: Extents, arrays: Sequence[Array]) -> Iterator[Grid]:
        outer, inner = domain
        count = arrays[0].shape[1]
        across = _power_within(min(inner, _WIDE, device.threads))
        stride, part = 1, device.part // across
        while stride < count:
            parts = -(-count // (stride * part))
            blocks = outer * parts * -(-inner // across)
            yield Grid(blocks, device.threads, (inner, across, stride))
            stride *= part

    return LaunchConfig(kernel, 3, grids)


def _power_within(bound: int) -> int:
    """Return the largest power of two within a bound."""
    return 1 << bound.bit_length() - 1


def _joined(join: Routine) -> Routine:
    def joined(total: Any, x: Any) -> Any:
        return join(total, x)

    return joined


def _make_in_order(
    join: Routine, zero: Any, device: Device, *, begins_with_first: bool
) -> Callable[..., None]:
    # All unsigned: numba then checks no negative indices, and does not convert to floats.
    none, one, width = np.uint64(0), np.uint64(1), np.uint64(device.threads)
    size, all_held = device.part, np.uint64(device.part)
    # Odd, so that neither loads nor stores of all threads go to one memory bank.
    room = size + size // 2
    begin = one if begins_with_first else none

    def in_order(extents: Any, arrays: Any) -> None:
        x, z = arrays
        inner, across = np.uint64(extents[0]), np.uint64(extents[1])
        sums, terms = np.uint64(z.shape[0]) * inner, np.uint64(x.shape[1])
        part, pitch = all_held // across, across | one
        me, first = np.uint64(cuda.threadIdx.x), np.uint64(cuda.blockIdx.x) * across
        shared = cuda.shared.array(room, x.dtype)
        mine = first + me
        is_adding = me < across and mine < sums
        total = cuda.local.array(1, z.dtype)
        total[0] = zero
        if begins_with_first and is_adding:
            total[0] = x[mine // inner, none, mine % inner]
        for start in range(begin, terms, part):
            count = min(part, terms - start)
            for place in range(me, count * across, width):
                # Neighbouring threads read neighbouring numbers of one sum or one term.
                if inner < across:
                    r, k = place // count, place % count
                else:
                    r, k = place % across, place // across
                if first + r < sums:
                    i = (first + r) // inner
                    shared[k * pitch + r] = x[i, start + k, first + r - i * inner]
            cuda.syncthreads()
            if is_adding:
                for term in range(count):
                    total[0] = join(total[0], shared[term * pitch + me])
            cuda.syncthreads()
        if is_adding:
            z[mine // inner, mine % inner] = total[0]

    return in_order


def _make_tree(join: Routine, device: Device) -> Callable[..., None]:
    one, width = np.uint64(1), np.uint64(device.threads)
    size, all_held = device.part, np.uint64(device.part)

    def tree(extents: Any, arrays: Any) -> None:
        (work,) = arrays
        inner, across, stride = np.uint64(extents[0]), np.uint64(extents[1]), np.uint64(extents[2])
        part = all_held // across
        numbers = (np.uint64(work.shape[1]) + stride - one) // stride
        parts, strips = (numbers + part - one) // part, (inner + across - one) // across
        me, block = np.uint64(cuda.threadIdx.x), np.uint64(cuda.blockIdx.x)
        i, rest = block // (parts * strips), block % (parts * strips)
        first, j = rest // strips * part, rest % strips * across
        count = min(part, numbers - first)
        shared = cuda.shared.array(size, work.dtype)
        for place in range(me, count * across, width):
            if j + place % across < inner:
                k = first + place // across
                shared[place] = work[i, k * stride, j + place % across]
        cuda.syncthreads()
        step = one
        while step < count:
            pairs = (count + step - one) // (step + step)
            for place in range(me, pairs * across, width):
                if j + place % across < inner:
                    left = place // across * (step + step) * across + place % across
                    shared[left] = join(shared[left], shared[left + step * across])
            cuda.syncthreads()
            step += step
        if me < across and j + me < inner:
            work[i, first * stride, j + me] = shared[me]

    return tree
