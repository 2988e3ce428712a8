"""Sums of a product as numbers, and the elements that the table's own routines compute again."""

from __future__ import annotations

from typing import Any

from numlean_kernels.protocol import Table
from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic
from numlean_kernels.targets.vector_matmul.tile import make_lane_at, make_lane_test


def make_settle(arithmetic: LaneArithmetic, table: Table, *, is_fused: bool) -> Any:
    """Return ``settle(at, bt, ct, a, b, c, sums, sums_row, row, row_stop, column, column_stop)``.

    It reads the sums of a range of cells at an address, with a distance of rows in bytes, and
    writes the elements of c: those that are final as numbers, unless the sums are in c itself, and
    the others as the table's routines compute them. Whether a, b and c are transposed in memory,
    ``at``, ``bt`` and ``ct`` say; sums are as c is.
    """
    is_final, lane = make_lane_test(arithmetic), make_lane_at(arithmetic)
    size, converts = arithmetic.dtype.itemsize, not arithmetic.in_place
    leave: Any = arithmetic.leave
    element = _make_element(table, is_fused)

    def settle(
        at: Any,
        bt: Any,
        ct: Any,
        a: Any,
        b: Any,
        c: Any,
        sums: Any,
        sums_row: Any,
        row: Any,
        row_stop: Any,
        column: Any,
        column_stop: Any,
    ) -> None:
        first, stop = (column, column_stop) if ct else (row, row_stop)
        start, end = (row, row_stop) if ct else (column, column_stop)
        for line in range(first, stop):
            for place in range(start, end):
                total = lane(sums + (line - first) * sums_row + (place - start) * size)
                if not is_final(total):
                    i, j = (place, line) if ct else (line, place)
                    element(at, bt, a, b, c, i, j, line, place)
                elif converts:
                    c[line, place] = leave(total)

    return InlinedRoutine(settle)


def _make_element(table: Table, is_fused: bool) -> Any:
    """Return ``element(at, bt, a, b, c, i, j, line, place)``, by the table's routines."""
    zero = table.zero
    fma: Any = table["fma"] if is_fused else None
    add: Any = None if is_fused else table["add"]
    mul: Any = None if is_fused else table["mul"]

    def element(
        at: Any, bt: Any, a: Any, b: Any, c: Any, i: Any, j: Any, line: Any, place: Any
    ) -> None:
        c[line, place] = zero
        for k in range(a.shape[0] if at else a.shape[1]):
            x = a[k, i] if at else a[i, k]
            y = b[j, k] if bt else b[k, j]
            if is_fused:
                c[line, place] = fma(x, y, c[line, place])
            else:
                c[line, place] = add(c[line, place], mul(x, y))

    return InlinedRoutine(element)
