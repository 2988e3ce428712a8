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


def make_direct(
    arithmetic: LaneArithmetic, shape: Shape, settle: Any, *, is_a_transposed: bool
) -> Any:
    """Return ``product(row, row_stop, column, column_stop, a, b, c)`` that reads b where it is."""
    strips = _make_strips(arithmetic, shape, settle, is_a_transposed)
    lanes, whole = shape.lanes, shape.columns

    def product(
        row: Any, row_stop: Any, column: Any, column_stop: Any, a: Any, b: Any, c: Any
    ) -> None:
        j = column
        while j < column_stop:
            left = column_stop - j
            width = whole if left >= whole else min(lanes, left)
            strips(row, row_stop, j, width, a, b, c, b.ctypes.data + j * b.itemsize, b.strides[0])
            j += width

    return InlinedRoutine(product)


def make_direct_by_line(
    arithmetic: LaneArithmetic, shape: Shape, settle: Any, *, is_a_transposed: bool
) -> Any:
    """Return ``product(row, row_stop, column, column_stop, a, b, c)`` for a transposed b."""
    strips = _make_strips(arithmetic, shape, settle, is_a_transposed)
    lanes, whole, dtype = shape.lanes, shape.columns, arithmetic.dtype.type
    pack = make_pack(arithmetic, whole, by_line=True)

    def product(
        row: Any, row_stop: Any, column: Any, column_stop: Any, a: Any, b: Any, c: Any
    ) -> None:
        terms = b.shape[1]
        panel = np.empty(terms * whole, dtype)
        for j in range(column, column_stop, whole):
            j_stop = min(j + whole, column_stop)
            pack(b, j, j_stop, 0, terms, panel, 0)
            start = j
            while start < j_stop:
                left = j_stop - start
                width = whole if left >= whole else min(lanes, left)
                place = panel.ctypes.data + (start - j) * b.itemsize
                strips(row, row_stop, start, width, a, b, c, place, whole * b.itemsize)
                start += width

    return InlinedRoutine(product)


def _make_strips(
    arithmetic: LaneArithmetic, shape: Shape, settle: Any, is_a_transposed: bool
) -> Any:
    """Return ``strips(row, row_stop, j, width, a, b, c, b_start, b_term)``: some columns of c.

    b_start is the address of the numbers of b for these columns, b_term the distance of terms.
    """
    high, middle, _ = shape.heights
    high_strip, middle_strip, low_strip = (
        _make_strip(arithmetic, shape, rows, settle, is_a_transposed) for rows in shape.heights
    )

    def strips(
        row: Any,
        row_stop: Any,
        j: Any,
        width: Any,
        a: Any,
        b: Any,
        c: Any,
        b_start: Any,
        b_term: Any,
    ) -> None:
        count = row_stop - row
        if count >= high:
            high_strip(row, row_stop, j, width, a, b, c, b_start, b_term)
        elif count >= middle:
            middle_strip(row, row_stop, j, width, a, b, c, b_start, b_term)
        else:
            low_strip(row, row_stop, j, width, a, b, c, b_start, b_term)

    return InlinedRoutine(strips)


def _make_strip(
    arithmetic: LaneArithmetic, shape: Shape, rows: int, settle: Any, is_a_transposed: bool
) -> Any:
    """Return ``strip(row, row_stop, j, width, a, b, c, b_start, b_term)``, tiles in a column.

    The last tile ends with the last row: it computes some rows again, with the same bits.
    """
    whole, lanes, dtype = shape.columns, shape.lanes, arithmetic.dtype.type
    wide = make_tile(arithmetic, TileForm(rows, shape.vectors, lanes, False, False))
    narrow = make_tile(arithmetic, TileForm(rows, 1, lanes, False, True))

    def strip(
        row: Any,
        row_stop: Any,
        j: Any,
        width: Any,
        a: Any,
        b: Any,
        c: Any,
        b_start: Any,
        b_term: Any,
    ) -> None:
        z = c.view(dtype)
        size, z_row = z.itemsize, z.strides[0]
        terms = a.shape[0] if is_a_transposed else a.shape[1]
        a_row = size if is_a_transposed else a.strides[0]
        a_term = a.strides[0] if is_a_transposed else size
        i = row
        while i < row_stop:
            i = min(i, row_stop - rows)
            a_start = a.ctypes.data + i * a_row
            z_start = z.ctypes.data + i * z_row + j * size
            if width == whole:
                done = wide(
                    a_start,
                    a_row,
                    a_term,
                    b_start,
                    b_term,
                    terms,
                    z_start,
                    z_row,
                    True,
                    rows,
                    width,
                )
            else:
                done = narrow(
                    a_start,
                    a_row,
                    a_term,
                    b_start,
                    b_term,
                    terms,
                    z_start,
                    z_row,
                    True,
                    rows,
                    width,
                )
            if not done:
                settle(a, b, z, c, i, i + rows, j, j + width)
            i += rows

    return InlinedRoutine(strip)
