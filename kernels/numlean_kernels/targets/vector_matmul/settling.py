"""The sums of a tile as numbers, and the elements that the table's own routines compute again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numlean_kernels.protocol import Table
from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic
from numlean_kernels.targets.vector_matmul.tile import make_lane_test


def make_settle(arithmetic: LaneArithmetic, table: Table, *, is_fused: bool) -> Any:
    """Return ``settle(at, bt, a, b, z, c, i, i_stop, j, j_stop)``.

    It writes the sums in z, an array of lanes that may share the memory of c, to the elements of c
    as numbers: those that are final, and the others as the table's routines compute them. Whether a
    and b are transposed in memory, ``at`` and ``bt`` say.
    """
    is_final = make_lane_test(arithmetic)
    element = _make_element(table, is_fused)
    leave = _stay if arithmetic.leave is None else _make_convert(arithmetic.leave)
    write = InlinedRoutine(leave)

    def settle(
        at: Any,
        bt: Any,
        a: Any,
        b: Any,
        z: Any,
        c: Any,
        i: Any,
        i_stop: Any,
        j: Any,
        j_stop: Any,
    ) -> None:
        for row in range(i, i_stop):
            for column in range(j, j_stop):
                if is_final(z[row, column]):
                    write(z, c, row, column)
                else:
                    c[row, column] = element(at, bt, a, b, row, column)

    return InlinedRoutine(settle)


def _stay(z: Any, c: Any, i: Any, j: Any) -> None:
    """Leave a sum that shares the memory of its element where it is."""


def _make_convert(leave: Callable[..., Any]) -> Callable[..., None]:
    def convert(z: Any, c: Any, i: Any, j: Any) -> None:
        c[i, j] = leave(z[i, j])

    return convert


def _make_element(table: Table, is_fused: bool) -> Any:
    """Return ``element(at, bt, a, b, i, j)``, by the table's routines, in the same order."""
    zero = table.zero
    fma: Any = table["fma"] if is_fused else None
    add: Any = None if is_fused else table["add"]
    mul: Any = None if is_fused else table["mul"]

    def element(at: Any, bt: Any, a: Any, b: Any, i: Any, j: Any) -> Any:
        total = np.full(1, zero, b.dtype)
        for k in range(a.shape[0] if at else a.shape[1]):
            x = a[k, i] if at else a[i, k]
            y = b[j, k] if bt else b[k, j]
            if is_fused:
                total[0] = fma(x, y, total[0])
            else:
                total[0] = add(total[0], mul(x, y))
        return total[0]

    return InlinedRoutine(element)
