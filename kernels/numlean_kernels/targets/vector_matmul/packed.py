"""Products of large matrices: tiles that read panels, copied from blocks of both operands.

A block has the terms for which a panel of b, with a passing panel of a, stays in the first cache,
and the rows for which all panels of a stay in the second. Sums stay in the result, or in an array
of lanes, from one block of terms to the next: storing a sum and loading it again changes no bit.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic
from numlean_kernels.targets.vector_matmul.packing import make_pack
from numlean_kernels.targets.vector_matmul.shape import Shape
from numlean_kernels.targets.vector_matmul.tile import TileForm, make_tile

_LINE: Final = 64
"""The bytes of a line of a cache. A vector across two lines takes two accesses."""


def make_packed(arithmetic: LaneArithmetic, shape: Shape, settle: Any) -> Any:
    """Return ``product(at, bt, row, row_stop, column, column_stop, a, b, c)``.

    ``at`` and ``bt`` say whether a and b are transposed in memory.
    """
    dtype, size, shares = arithmetic.dtype.type, arithmetic.dtype.itemsize, not arithmetic.leave
    rows, columns, most_rows, most_terms = shape.rows, shape.columns, shape.block_rows, shape.terms
    rows_by_line, rows_by_term = (make_pack(arithmetic, rows, by_line=x) for x in (True, False))
    by_line, by_term = (make_pack(arithmetic, columns, by_line=x) for x in (True, False))
    multiply = _make_multiply(arithmetic, shape)

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
        terms = a.shape[0] if at else a.shape[1]
        depth = _even(terms, most_terms, 4)
        height = _even(row_stop - row, most_rows, rows)
        panels = np.empty((height + columns) * depth + _LINE // size, dtype)
        b_panel = -(panels.ctypes.data // size) % (_LINE // size)
        a_panels = b_panel + columns * depth
        z = c.view(dtype) if shares else np.empty(c.shape, dtype)
        for i in range(row, row_stop, height):
            i_stop = min(i + height, row_stop)
            for k in range(0, max(terms, 1), depth):
                k_stop = min(k + depth, terms)
                for r in range(i, i_stop, rows):
                    place = a_panels + (r - i) * (k_stop - k)
                    if at:
                        rows_by_term(a, r, i_stop, k, k_stop, panels, place)
                    else:
                        rows_by_line(a, r, i_stop, k, k_stop, panels, place)
                for j in range(column, column_stop, columns):
                    j_stop = min(j + columns, column_stop)
                    if bt:
                        by_line(b, j, j_stop, k, k_stop, panels, b_panel)
                    else:
                        by_term(b, j, j_stop, k, k_stop, panels, b_panel)
                    done = multiply(panels, a_panels, b_panel, k, k_stop, i, i_stop, j, j_stop, z)
                    if k_stop == terms and not (done and shares):
                        settle(at, bt, a, b, z, c, i, i_stop, j, j_stop)

    return InlinedRoutine(product)


def _split_evenly(total: Any, most: Any, unit: Any) -> Any:
    """Return the extent, a multiple of ``unit``, of the fewest equal parts of at most ``most``."""
    parts = max((total + most - 1) // most, 1)
    extent = (total + parts - 1) // parts
    return max((extent + unit - 1) // unit, 1) * unit


_even: Final = InlinedRoutine(_split_evenly)


def _make_multiply(arithmetic: LaneArithmetic, shape: Shape) -> Any:
    """Return ``multiply(panels, a_panels, b_panel, k, k_stop, i, i_stop, j, j_stop, z)``.

    It adds the terms of a block to the sums of a panel of b and returns whether all are final.
    """
    rows, vectors, lanes, columns = shape.rows, shape.vectors, shape.lanes, shape.columns
    whole = make_tile(arithmetic, TileForm(rows, vectors, lanes, True, False))
    edge = make_tile(arithmetic, TileForm(rows, vectors, lanes, True, True))

    def multiply(
        panels: Any,
        a_panels: Any,
        b_panel: Any,
        k: Any,
        k_stop: Any,
        i: Any,
        i_stop: Any,
        j: Any,
        j_stop: Any,
        z: Any,
    ) -> Any:
        terms, size, z_row = k_stop - k, z.itemsize, z.strides[0]
        y, all_final, width = panels.ctypes.data + b_panel * size, True, j_stop - j
        for row in range(i, i_stop, rows):
            x = panels.ctypes.data + (a_panels + (row - i) * terms) * size
            place = z.ctypes.data + row * z_row + j * size
            count = min(rows, i_stop - row)
            if width == columns:
                done = whole(x, 0, 0, y, 0, terms, place, z_row, k == 0, count, width)
            else:
                done = edge(x, 0, 0, y, 0, terms, place, z_row, k == 0, count, width)
            all_final = all_final and done
        return all_final

    return InlinedRoutine(multiply)
