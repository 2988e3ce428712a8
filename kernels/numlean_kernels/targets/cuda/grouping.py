"""The positions of each cell in an index, found by one thread per cell.

The loop is a counting sort, in which each position depends on the one before. Here each thread
counts the positions that name a cell before its own, and then writes those that name its own: this
reads cells times positions twice, but in many threads. A compiled step does not group an index that
does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import cuda

from numlean_kernels.protocol import Array, Loop, Table
from numlean_kernels.targets.cuda.device import Device
from numlean_kernels.targets.cuda.launch_config import Extents, Grid, LaunchConfig


def by_cell(loop: Loop, table: Table, device: Device) -> LaunchConfig:
    """Return the launch configuration of ``GROUP``: one thread per cell, and one for the end."""

    def grids(_: Extents, arrays: Sequence[Array]) -> list[Grid]:
        ends = arrays[1].shape[0]
        return [Grid(-(-ends // device.threads), device.threads, (ends,))]

    return LaunchConfig(_make_group(), 1, grids)


def _make_group() -> Callable[..., None]:
    def group(extents: Any, arrays: Any) -> None:
        index, starts, sources = arrays
        cell = np.int64(cuda.grid(1))
        if cell < extents[0]:
            place = np.int64(0)
            for k in range(index.shape[0]):
                if np.int64(0) <= index[k] < cell:
                    place += np.int64(1)
            starts[cell] = place
            for k in range(index.shape[0]):
                if index[k] == cell:
                    sources[place] = k
                    place += np.int64(1)

    return group
