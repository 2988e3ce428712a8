"""Products of few rows or small matrices: tiles that read both operands where they are.

Only a transposed b has the lanes of a vector in different places: it is copied into panels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic
from numlean_kernels.targets.vector_matmul.packing import make_pack
from numlean_kernels.targets.vector_matmul.shape import Shape
from numlean_kernels.targets.vector_matmul.tile import TileForm, make_tile


def make_direct(arithmetic: LaneArithmetic, shape: Shape, settle: Any) -> Any:
    """Return ``product(at, bt, row, row_stop, column, column_stop, a, b, c)``.

    ``at`` and ``bt`` say whether a and b are transposed in memory.
    """
    lanes, whole, dtype = shape.lanes, shape.columns, arithmetic.dtype.type
    strip = _make_strip(arithmetic, shape, settle)
    pack = make_pack(arithmetic, whole, by_line=True)

    def product(
        at: Any,
        bt: Any,
        row: Any,
        row_stop: Any,
        column: Any,
        column_stop: Any,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        size = b.itemsize
        terms = b.shape[1] if bt else 0
        panel = np.empty(terms * whole if bt else 0, dtype)
        for j in range(column, column_stop, whole):
            j_stop = min(j + whole, column_stop)
            if bt:
                pack(b, j, j_stop, 0, terms, panel, 0)
                b_start, b_term = panel.ctypes.data, whole * size
            else:
                b_start, b_term = b.ctypes.data + j * size, b.strides[0]
            # One call, since each would be compiled: the last columns take a vector at a time.
            width = whole if j_stop - j == whole else lanes
            for start in range(j, j_stop, width):
                place, stop = b_start + (start - j) * size, min(start + width, j_stop)
                strip(at, bt, row, row_stop, start, stop, a, b, c, place, b_term)

    return InlinedRoutine(product)


def _make_strip(arithmetic: LaneArithmetic, shape: Shape, settle: Any) -> Any:
    """Return ``strip(at, bt, row, row_stop, j, j_stop, a, b, c, b_start, b_term)``.

    It computes a column of tiles. b_start is the address of the numbers of b for its columns,
    b_term the distance of terms. The last tile ends with the last row: it computes some rows again,
    with the same bits. If there are fewer rows than in a tile, its last rows are the last one.
    """
    high, low = shape.rows, shape.few_rows
    whole, dtype = shape.columns, arithmetic.dtype.type
    (high_wide, high_narrow), (low_wide, low_narrow) = (
        [
            make_tile(arithmetic, TileForm(rows, vectors, shape.lanes, False, vectors == 1))
            for vectors in (shape.vectors, 1)
        ]
        for rows in (high, low)
    )

    def strip(
        at: Any,
        bt: Any,
        row: Any,
        row_stop: Any,
        j: Any,
        j_stop: Any,
        a: Any,
        b: Any,
        c: Any,
        b_start: Any,
        b_term: Any,
    ) -> None:
        z = c.view(dtype)
        size, z_row, width = z.itemsize, z.strides[0], j_stop - j
        terms = a.shape[0] if at else a.shape[1]
        a_row = size if at else a.strides[0]
        a_term = a.strides[0] if at else size
        rows = high if row_stop - row >= high else low
        for first in range(row, row_stop, rows):
            i = max(min(first, row_stop - rows), row)
            count = min(rows, row_stop - i)
            x = a.ctypes.data + i * a_row
            y = z.ctypes.data + i * z_row + j * size
            if rows == high and width == whole:
                done = high_wide(
                    x, a_row, a_term, b_start, b_term, terms, y, z_row, True, count, width
                )
            elif rows == high:
                done = high_narrow(
                    x, a_row, a_term, b_start, b_term, terms, y, z_row, True, count, width
                )
            elif width == whole:
                done = low_wide(
                    x, a_row, a_term, b_start, b_term, terms, y, z_row, True, count, width
                )
            else:
                done = low_narrow(
                    x, a_row, a_term, b_start, b_term, terms, y, z_row, True, count, width
                )
            if not done:
                settle(at, bt, a, b, z, c, i, i + count, j, j_stop)

    return InlinedRoutine(strip)
