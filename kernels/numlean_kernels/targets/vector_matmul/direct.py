"""Products of few rows or small matrices: tiles that read both operands where they are.

Only columns of b whose numbers a vector does not find next to each other, because b is transposed
or has fewer columns, are copied into a panel.
"""

from __future__ import annotations

from typing import Any

from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic
from numlean_kernels.targets.vector_matmul.memory import LINE, allocate, free
from numlean_kernels.targets.vector_matmul.packing import make_pack
from numlean_kernels.targets.vector_matmul.shape import Shape
from numlean_kernels.targets.vector_matmul.tile import TileForm, make_tile


def make_direct(arithmetic: LaneArithmetic, shape: Shape) -> Any:
    """Return ``product(a, a_row, a_term, b, b_column, b_term, terms, c, c_row, rows, columns)``.

    The arguments are addresses, distances in bytes, and extents. It returns whether all sums are
    final.
    """
    size, width = arithmetic.dtype.itemsize, shape.direct.columns
    pack = make_pack(arithmetic, width)
    multiply = _make_multiply(arithmetic, shape)

    def product(
        a: Any,
        a_row: Any,
        a_term: Any,
        b: Any,
        b_column: Any,
        b_term: Any,
        terms: Any,
        c: Any,
        c_row: Any,
        rows: Any,
        columns: Any,
    ) -> Any:
        is_copied = b_column != size or columns % width != 0
        memory = allocate(terms * width * size + LINE) if is_copied else 0
        panel = (memory + LINE - 1) // LINE * LINE
        all_final = True
        for j in range(0, columns, width):
            present = min(width, columns - j)
            place, step = b + j * b_column, b_term
            if b_column != size or present < width:
                pack(place, b_column, b_term, present, terms, panel)
                place, step = panel, width * size
            done = multiply(
                a, a_row, a_term, place, step, terms, c + j * size, c_row, rows, present
            )
            all_final = all_final and done
        if is_copied:
            free(memory)
        return all_final

    return InlinedRoutine(product)


def _make_multiply(arithmetic: LaneArithmetic, shape: Shape) -> Any:
    """Return ``multiply(a, a_row, a_term, b, b_term, terms, c, c_row, rows, columns)``.

    It computes a column of tiles. The last tile ends with the last row: it computes some rows
    again, with the same bits. If a tile has more rows than there are, its last ones are the last.
    """
    form = shape.direct
    high, low = form.rows, form.few_rows
    many, few = (
        make_tile(arithmetic, TileForm(rows, form.vectors, form.lanes, False))
        for rows in (high, low)
    )

    def multiply(
        a: Any,
        a_row: Any,
        a_term: Any,
        b: Any,
        b_term: Any,
        terms: Any,
        c: Any,
        c_row: Any,
        rows: Any,
        columns: Any,
    ) -> Any:
        all_final, i = True, 0
        while i < rows:
            height = high if rows >= high else low
            first = max(min(i, rows - height), 0)
            x, z, count = a + first * a_row, c + first * c_row, min(height, rows)
            if height == high:
                done = many(x, a_row, a_term, b, b_term, terms, z, c_row, True, count, columns)
            else:
                done = few(x, a_row, a_term, b, b_term, terms, z, c_row, True, count, columns)
            all_final = all_final and done
            i += height
        return all_final

    return InlinedRoutine(multiply)
