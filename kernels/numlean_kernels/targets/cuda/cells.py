"""A loop with one thread per cell of its domain: its kernel is called for boxes of one cell.

A box of several cells would be unrolled, and emulated arithmetic multiplied in size. The last axis
varies fastest, so neighbouring threads have neighbouring cells and their memory accesses coalesce.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Final

from numba import cuda

from numlean_kernels.protocol import Loop, Table
from numlean_kernels.targets.cuda.device import Device
from numlean_kernels.targets.cuda.launch_config import Grid, LaunchConfig


def cells(loop: Loop, table: Table, device: Device) -> LaunchConfig:
    """Return the launch configuration of any loop, with one thread per cell."""
    kernel = _BY_RANK[loop.rank - 1](device.function(loop.make(table)), device.bound)
    return LaunchConfig(
        kernel,
        loop.rank,
        lambda domain, _: [Grid(-(-prod(domain) // device.threads), device.threads, domain)],
    )


def _over_1(cell: Callable[..., None], bound: Callable[[Any], Any]) -> Callable[..., None]:
    def kernel(domain: Any, arrays: Any) -> None:
        i = cuda.grid(1)
        if i < domain[0]:
            cell(bound(i), bound(i + 1), *arrays)

    return kernel


def _over_2(cell: Callable[..., None], bound: Callable[[Any], Any]) -> Callable[..., None]:
    def kernel(domain: Any, arrays: Any) -> None:
        place = cuda.grid(1)
        if place < domain[0] * domain[1]:
            i = place // domain[1]
            j = place - i * domain[1]
            cell(bound(i), bound(i + 1), bound(j), bound(j + 1), *arrays)

    return kernel


def _over_3(cell: Callable[..., None], bound: Callable[[Any], Any]) -> Callable[..., None]:
    def kernel(domain: Any, arrays: Any) -> None:
        place = cuda.grid(1)
        if place < domain[0] * domain[1] * domain[2]:
            rest = place // domain[2]
            k = place - rest * domain[2]
            i = rest // domain[1]
            j = rest - i * domain[1]
            cell(bound(i), bound(i + 1), bound(j), bound(j + 1), bound(k), bound(k + 1), *arrays)

    return kernel


def _over_4(cell: Callable[..., None], bound: Callable[[Any], Any]) -> Callable[..., None]:
    def kernel(domain: Any, arrays: Any) -> None:
        place = cuda.grid(1)
        if place < domain[0] * domain[1] * domain[2] * domain[3]:
            rest = place // domain[3]
            m = place - rest * domain[3]
            upper = rest // domain[2]
            k = rest - upper * domain[2]
            i = upper // domain[1]
            j = upper - i * domain[1]
            cell(
                bound(i),
                bound(i + 1),
                bound(j),
                bound(j + 1),
                bound(k),
                bound(k + 1),
                bound(m),
                bound(m + 1),
                *arrays,
            )

    return kernel


_BY_RANK: Final = (_over_1, _over_2, _over_3, _over_4)
