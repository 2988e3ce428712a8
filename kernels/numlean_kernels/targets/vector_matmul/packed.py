"""Products of large matrices: tiles that read panels, copied from blocks of both operands.

A block has the terms for which a panel of b fits into the first cache, and the rows for which all
panels of a stay in the second. Sums stay in the result from one block of terms to the next: storing
a sum and loading it again changes no bit.
"""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic
from numlean_kernels.targets.vector_matmul.memory import LINE, allocate, free
from numlean_kernels.targets.vector_matmul.packing import make_pack, make_pack_panels
from numlean_kernels.targets.vector_matmul.shape import Shape
from numlean_kernels.targets.vector_matmul.tile import TileForm, make_tile

_COPIED: Final = 256
"""The bytes of a term of b that are copied together."""


def make_packed(arithmetic: LaneArithmetic, shape: Shape) -> Any:
    """Return ``product(a, a_row, a_term, b, b_column, b_term, terms, c, c_row, rows, columns)``.

    The arguments are addresses, distances in bytes, and extents. It returns whether all sums are
    final.
    """
    size, form = arithmetic.dtype.itemsize, shape.packed
    height, width, most_rows, most_terms = form.rows, form.columns, shape.block_rows, shape.terms
    pack_rows, pack_columns = (make_pack(arithmetic, lines) for lines in (height, width))
    panels = max(_COPIED // (width * size), 1)
    pack_panels, together = make_pack_panels(arithmetic, width, panels), width * panels
    tile = make_tile(arithmetic, TileForm(height, form.vectors, form.lanes, True))

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
        depth, block = _even(terms, most_terms, 4), _even(rows, most_rows, height)
        memory = allocate((block + together) * depth * size + LINE)
        b_panels = (memory + LINE - 1) // LINE * LINE
        a_panels = b_panels + together * depth * size
        all_final = True
        for start in range(0, rows, block):
            stop = min(start + block, rows)
            for k in range(0, max(terms, 1), depth):
                count, is_last = min(depth, terms - k), k + depth >= terms
                for i in range(start, stop, height):
                    place = a_panels + (i - start) * count * size
                    present = min(height, stop - i)
                    pack_rows(a + i * a_row + k * a_term, a_row, a_term, present, count, place)
                for j in range(0, columns, width):
                    across, n = min(width, columns - j), j % together
                    source = b + j * b_column + k * b_term
                    if b_column == size and columns - j + n >= together:
                        if n == 0:
                            pack_panels(source, b_term, count, b_panels)
                        b_panel = b_panels + n * count * size
                    else:
                        pack_columns(source, b_column, b_term, across, count, b_panels)
                        b_panel = b_panels
                    for i in range(start, stop, height):
                        x, z = a_panels + (i - start) * count * size, c + i * c_row + j * size
                        down = min(height, stop - i)
                        done = tile(x, 0, 0, b_panel, 0, count, z, c_row, k == 0, down, across)
                        all_final = all_final and (done or not is_last)
        free(memory)
        return all_final

    return InlinedRoutine(product)


def _split_evenly(total: Any, most: Any, unit: Any) -> Any:
    """Return the extent, a multiple of ``unit``, of the fewest equal parts of at most ``most``."""
    parts = max((total + most - 1) // most, 1)
    extent = (total + parts - 1) // parts
    return max((extent + unit - 1) // unit, 1) * unit


_even: Final = InlinedRoutine(_split_evenly)
