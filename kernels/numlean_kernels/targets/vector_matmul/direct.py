"""Products of small matrices: tiles that read both operands where they are."""

from __future__ import annotations

from typing import Any

from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic
from numlean_kernels.targets.vector_matmul.shape import Shape
from numlean_kernels.targets.vector_matmul.tile import TileForm, make_tile


def make_direct(arithmetic: LaneArithmetic, shape: Shape, settle: Any) -> Any:
    """Return ``product(row, row_stop, column, column_stop, a, b, c)`` without panels."""
    dtype, lanes, whole = arithmetic.dtype.type, shape.lanes, shape.columns
    high, middle, _ = shape.heights
    high_strip, middle_strip, low_strip = (
        _make_strip(arithmetic, shape, rows, settle) for rows in shape.heights
    )

    def product(
        row: Any, row_stop: Any, column: Any, column_stop: Any, a: Any, b: Any, c: Any
    ) -> None:
        z = c.view(dtype)
        count = row_stop - row
        j = column
        while j < column_stop:
            left = column_stop - j
            width = whole if left >= whole else min(lanes, left)
            if count >= high:
                high_strip(row, row_stop, j, width, a, b, z, c)
            elif count >= middle:
                middle_strip(row, row_stop, j, width, a, b, z, c)
            else:
                low_strip(row, row_stop, j, width, a, b, z, c)
            j += width

    return InlinedRoutine(product)


def _make_strip(arithmetic: LaneArithmetic, shape: Shape, rows: int, settle: Any) -> Any:
    """Return ``strip(row, row_stop, j, width, a, b, z, c)``: tiles of ``rows`` rows in a column.

    The last one ends with the last row: it computes some rows again, with the same bits.
    """
    whole, lanes = shape.columns, shape.lanes
    wide = make_tile(arithmetic, TileForm(rows, shape.vectors, lanes, False, whole, False))
    narrow = make_tile(arithmetic, TileForm(rows, 1, lanes, False, whole, True))

    def strip(row: Any, row_stop: Any, j: Any, width: Any, a: Any, b: Any, z: Any, c: Any) -> None:
        terms = a.shape[1]
        size = z.itemsize
        a_row, b_term, z_row = a.strides[0], b.strides[0], z.strides[0]
        b_start = b.ctypes.data + j * size
        i = row
        while i < row_stop:
            i = min(i, row_stop - rows)
            a_start = a.ctypes.data + i * a_row
            z_start = z.ctypes.data + i * z_row + j * size
            if width == whole:
                done = wide(
                    a_start, a_row, size, b_start, b_term, terms, z_start, z_row, True, rows, width
                )
            else:
                done = narrow(
                    a_start, a_row, size, b_start, b_term, terms, z_start, z_row, True, rows, width
                )
            if not done:
                settle(a, b, z, c, i, i + rows, j, j + width)
            i += rows

    return InlinedRoutine(strip)
