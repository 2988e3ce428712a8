"""Calls of compiled elementwise loops and sums, with as little Python around them as possible.

A call takes about a microsecond more than the loop itself, so each condition is checked once, and
in the order in which it costs least. ``run`` is the compiled code for arrays of the dtype, which
checks no types. Arrays of several axes are passed as arrays of one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean_kernels.loops.row_sums import LONG, SUM_ORDERED_ROWS, SUM_PAIRWISE_ROWS, work_length
from numlean_kernels.protocol import Array, Loop
from numlean_kernels.targets.parallel.launch import ParallelLaunch
from numlean_kernels.threads import THREADS


def _unary(
    run: Callable[..., None], dtype: np.dtype[Any], launch: ParallelLaunch
) -> Callable[..., Array | None]:
    array, empty = np.ndarray, np.empty

    def call(x: Any) -> Array | None:
        if type(x) is not array or x.dtype is not dtype or not x.flags.carray:
            return None
        shape, size = x.shape, x.size
        z = empty(shape, dtype)
        if size > launch.serial and THREADS.count > 1:
            launch((size,), x.reshape(-1), z.reshape(-1))
        elif len(shape) == 1:
            run(0, size, x, z)
        else:
            run(0, size, x.reshape(-1), z.reshape(-1))
        return z

    return call


def _binary(
    run: Callable[..., None], dtype: np.dtype[Any], launch: ParallelLaunch
) -> Callable[..., Array | None]:
    array, empty = np.ndarray, np.empty

    def call(x: Any, y: Any) -> Array | None:
        if type(x) is not array or type(y) is not array:
            return None
        if x.dtype is not dtype or y.dtype is not dtype:
            return None
        shape, size = x.shape, x.size
        if y.shape != shape or not (x.flags.carray and y.flags.carray):
            return None
        z = empty(shape, dtype)
        if size > launch.serial and THREADS.count > 1:
            launch((size,), x.reshape(-1), y.reshape(-1), z.reshape(-1))
        elif len(shape) == 1:
            run(0, size, x, y, z)
        else:
            run(0, size, x.reshape(-1), y.reshape(-1), z.reshape(-1))
        return z

    return call


def _ternary(
    run: Callable[..., None], dtype: np.dtype[Any], launch: ParallelLaunch
) -> Callable[..., Array | None]:
    array, empty = np.ndarray, np.empty

    def call(w: Any, x: Any, y: Any) -> Array | None:
        if type(w) is not array or type(x) is not array or type(y) is not array:
            return None
        if w.dtype is not dtype or x.dtype is not dtype or y.dtype is not dtype:
            return None
        shape, size = x.shape, x.size
        if w.shape != shape or y.shape != shape:
            return None
        if not (w.flags.carray and x.flags.carray and y.flags.carray):
            return None
        z = empty(shape, dtype)
        if size > launch.serial and THREADS.count > 1:
            launch((size,), w.reshape(-1), x.reshape(-1), y.reshape(-1), z.reshape(-1))
        elif len(shape) == 1:
            run(0, size, w, x, y, z)
        else:
            run(0, size, w.reshape(-1), x.reshape(-1), y.reshape(-1), z.reshape(-1))
        return z

    return call


def _ordered_sum(run: Callable[..., None], dtype: np.dtype[Any]) -> Callable[..., Array | None]:
    array, empty = np.ndarray, np.empty

    def call(x: Any) -> Array | None:
        if type(x) is not array or x.dtype is not dtype or not x.flags.carray or not x.size:
            return None
        z = empty(1, dtype)
        run(0, 1, x.reshape(1, -1), z)
        return z.reshape(())

    return call


def _pairwise_sum(run: Callable[..., None], dtype: np.dtype[Any]) -> Callable[..., Array | None]:
    array, empty = np.ndarray, np.empty

    def call(x: Any) -> Array | None:
        if type(x) is not array or x.dtype is not dtype or not x.flags.carray or not x.size:
            return None
        if x.size >= LONG:
            return None
        z = empty(1, dtype)
        run(0, 1, x.reshape(1, -1), empty((1, work_length(x.size)), dtype), z)
        return z.reshape(())

    return call


DIRECT_CALLS: Final = {1: _unary, 2: _binary, 3: _ternary}
"""The makers of ``call(x, ...)``, of a loop, the dtype and what launches the loop on large arrays,
by the number of operands."""

DIRECT_SUMS: Final[dict[Loop, Callable[..., Callable[..., Array | None]]]] = {
    SUM_ORDERED_ROWS: _ordered_sum,
    SUM_PAIRWISE_ROWS: _pairwise_sum,
}
"""The makers of ``call(x)``, of a loop and the dtype, by the loop."""
