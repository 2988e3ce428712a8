"""Products of large matrices: tiles that read panels, copied from blocks of both operands.

Sums stay in the result, or in an array of lanes, from one block of terms to the next. Storing a sum
and loading it again changes no bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic
from numlean_kernels.targets.vector_matmul.shape import Shape
from numlean_kernels.targets.vector_matmul.tile import TileForm, make_tile


def make_packed(arithmetic: LaneArithmetic, shape: Shape, settle: Any) -> Any:
    """Return ``product(row, row_stop, column, column_stop, a, b, c)``."""
    dtype, shares = arithmetic.dtype.type, arithmetic.leave is None
    block_rows, block_columns, depth = shape.block_rows, shape.block_columns, shape.terms
    rows, columns = shape.rows, shape.columns
    pack_a, pack_b = _make_pack_a(arithmetic, rows), _make_pack_b(arithmetic, columns)
    multiply = _make_block(arithmetic, shape)

    def product(
        row: Any, row_stop: Any, column: Any, column_stop: Any, a: Any, b: Any, c: Any
    ) -> None:
        terms = a.shape[1]
        most = min(terms, depth)
        a_extent = min(block_rows, row_stop - row + rows - 1)
        b_extent = min(block_columns, column_stop - column + columns - 1)
        a_panels = np.empty(a_extent * most, dtype)
        b_panels = np.empty(b_extent * most, dtype)
        z = c.view(dtype) if shares else np.empty(c.shape, dtype)
        for j in range(column, column_stop, block_columns):
            j_stop = min(j + block_columns, column_stop)
            for k in range(0, max(terms, 1), depth):
                k_stop = min(k + depth, terms)
                pack_b(b, k, k_stop, j, j_stop, b_panels)
                for i in range(row, row_stop, block_rows):
                    i_stop = min(i + block_rows, row_stop)
                    pack_a(a, k, k_stop, i, i_stop, a_panels)
                    done = multiply(a_panels, b_panels, k, k_stop, i, i_stop, j, j_stop, z)
                    if k_stop == terms and not (done and shares):
                        settle(a, b, z, c, i, i_stop, j, j_stop)

    return InlinedRoutine(product)


def _make_block(arithmetic: LaneArithmetic, shape: Shape) -> Any:
    """Return ``multiply(a_panels, b_panels, k, k_stop, i, i_stop, j, j_stop, z)``.

    It adds the terms of a block to the sums in z and returns whether all of them are final.
    """
    rows, vectors, lanes, columns = shape.rows, shape.vectors, shape.lanes, shape.columns
    whole = make_tile(arithmetic, TileForm(rows, vectors, lanes, True, columns, False))
    edge = make_tile(arithmetic, TileForm(rows, vectors, lanes, True, columns, True))

    def multiply(
        a_panels: Any,
        b_panels: Any,
        k: Any,
        k_stop: Any,
        i: Any,
        i_stop: Any,
        j: Any,
        j_stop: Any,
        z: Any,
    ) -> Any:
        terms, size, z_row = k_stop - k, z.itemsize, z.strides[0]
        is_first, all_final = k == 0, True
        for column in range(j, j_stop, columns):
            b_start = b_panels.ctypes.data + (column - j) * terms * size
            width = min(columns, j_stop - column)
            for row in range(i, i_stop, rows):
                a_start = a_panels.ctypes.data + (row - i) * terms * size
                z_start = z.ctypes.data + row * z_row + column * size
                height = min(rows, i_stop - row)
                if width == columns:
                    done = whole(
                        a_start, 0, 0, b_start, 0, terms, z_start, z_row, is_first, height, width
                    )
                else:
                    done = edge(
                        a_start, 0, 0, b_start, 0, terms, z_start, z_row, is_first, height, width
                    )
                all_final = all_final and done
        return all_final

    return InlinedRoutine(multiply)


def _make_pack_a(arithmetic: LaneArithmetic, rows: int) -> Any:
    """Return ``pack(a, k, k_stop, i, i_stop, panels)``: panels of rows, term by term.

    The last row is repeated until the last panel is full.
    """
    lanes, enter = _make_lanes(arithmetic)

    def pack(a: Any, k: Any, k_stop: Any, i: Any, i_stop: Any, panels: Any) -> None:
        x = lanes(a)
        place = 0
        for row in range(i, i_stop, rows):
            for term in range(k, k_stop):
                for r in range(rows):
                    panels[place + r] = enter(x[min(row + r, i_stop - 1), term])
                place += rows

    return InlinedRoutine(pack)


def _make_pack_b(arithmetic: LaneArithmetic, columns: int) -> Any:
    """Return ``pack(b, k, k_stop, j, j_stop, panels)``: panels of columns, term by term.

    Zeros fill the last panel.
    """
    lanes, enter = _make_lanes(arithmetic)

    def pack(b: Any, k: Any, k_stop: Any, j: Any, j_stop: Any, panels: Any) -> None:
        x = lanes(b)
        place = 0
        for column in range(j, j_stop, columns):
            width = min(columns, j_stop - column)
            for term in range(k, k_stop):
                if width == columns:
                    for m in range(columns):
                        panels[place + m] = enter(x[term, column + m])
                else:
                    for m in range(width):
                        panels[place + m] = enter(x[term, column + m])
                    for m in range(width, columns):
                        panels[place + m] = 0
                place += columns

    return InlinedRoutine(pack)


def _make_lanes(arithmetic: LaneArithmetic) -> tuple[Any, Any]:
    """Return a routine that gives a matrix in lanes, and one that makes a lane of its element."""
    dtype = arithmetic.dtype.type
    if arithmetic.enter is not None:
        return InlinedRoutine(_as_given), arithmetic.enter

    def reinterpreted(x: Any) -> Any:
        return x.view(dtype)

    return InlinedRoutine(reinterpreted), InlinedRoutine(_as_given)


def _as_given(x: Any) -> Any:
    return x
