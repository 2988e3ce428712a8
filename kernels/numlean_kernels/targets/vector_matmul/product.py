"""Kernels of matrix products, made of tiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import numpy as np

from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.loops.matmul_of_views import MATMUL_FMA_OF_VIEWS, MATMUL_OF_VIEWS, OF_VIEWS
from numlean_kernels.protocol import Loop, Table
from numlean_kernels.targets.inlined import InlinedRoutine
from numlean_kernels.targets.vector_matmul.direct import make_direct
from numlean_kernels.targets.vector_matmul.lanes import LaneArithmetic, hardware_lanes
from numlean_kernels.targets.vector_matmul.machine import Caches, Machine, caches, fuses, machine
from numlean_kernels.targets.vector_matmul.memory import LINE, address_of, allocate, free
from numlean_kernels.targets.vector_matmul.packed import make_packed
from numlean_kernels.targets.vector_matmul.rounded_lanes import fused_lanes, separate_lanes
from numlean_kernels.targets.vector_matmul.settling import make_settle
from numlean_kernels.targets.vector_matmul.shape import Shape, shape
from numlean_kernels.targets.vector_matmul.tile import make_put_lane

_FEW_BYTES: Final = 64 << 10
"""The size of b up to which panels do not pay."""

_FEW_ROWS: Final = 48
"""The number of rows up to which panels do not pay, unless b is long or large."""

_MANY_BLOCKS: Final = 2
"""The blocks of terms from which panels pay for more rows than those of one tile.

Where rows of a are a power of two apart, the lines that a tile reads of them share few places of
the first cache. Gradients of the weights of convolutions are such products: few rows, and a term
for each position."""

_MANY_CACHES: Final = 2
"""The size of b, in second caches, from which panels pay for more than half the rows of a tile.

Each term that a tile reads where it is lies in a page of its own; panels are copied in longer
pieces. Convolutions of large images are such products: few rows, and a column for each position."""

_FUSED: Final = {
    MATMUL: False,
    MATMUL_FMA: True,
    MATMUL_OF_VIEWS: False,
    MATMUL_FMA_OF_VIEWS: True,
}


def vector_kernel(loop: Loop, table: Table) -> Callable[[Table], Callable[..., None]] | None:
    """Return the maker of the vector kernel of a loop and a table, or None."""
    if loop not in _FUSED:
        return None
    lanes = _lanes(table, _FUSED[loop])
    return None if lanes is None else partial(make_product, lanes, loop=loop)


@cache
def tile_of(loop: Loop, table: Table) -> tuple[int, int] | None:
    """Return the rows and columns of a tile of a vector kernel; None if there is none."""
    lanes = _lanes(table, _FUSED[loop]) if loop in _FUSED else None
    if lanes is None:
        return None
    sizes = shape(machine(), caches(), lanes.bits, lanes.temporaries)
    return sizes.packed.rows, sizes.packed.columns


def _lanes(table: Table, is_fused: bool) -> LaneArithmetic | None:
    if table.fast is not None:
        return hardware_lanes(table.fast.width, fused=is_fused)
    carried = table.carried_fused if is_fused else table.carried
    if carried is None or not fuses():
        return None
    make = fused_lanes if is_fused else separate_lanes
    width = carried.wide.width
    return make(carried, table[f"carry {width}"], table[f"uncarry {width}"])


def make_product(
    arithmetic: LaneArithmetic,
    table: Table,
    *,
    loop: Loop,
    processor: Machine | None = None,
    memory: Caches | None = None,
) -> Callable[..., None]:
    """Return the kernel of products of batches of matrices, in lanes of some arithmetic.

    Args:
        arithmetic: How lanes add the terms.
        table: The routines that compute sums again which are not final.
        loop: A loop of :mod:`numlean_kernels.loops.matmul` or of ``matmul_of_views``.
        processor: The vectors for which tiles are shaped; None for those of this processor. Every
            processor runs all of them, but others more slowly.
        memory: The caches for which blocks are shaped; None for those of this processor.
    """
    vectors = machine() if processor is None else processor
    sizes = shape(vectors, memory or caches(), arithmetic.bits, arithmetic.temporaries)
    many_bytes = _MANY_CACHES * (memory or caches()).second
    multiply = _make_multiply(arithmetic, sizes, many_bytes)
    settle = make_settle(arithmetic, table, is_fused=_FUSED[loop])
    make = _make_in_place if arithmetic.in_place else _make_converting
    return make(arithmetic, multiply, settle, takes_views=loop not in OF_VIEWS)


def _make_in_place(
    arithmetic: LaneArithmetic, multiply: Any, settle: Any, *, takes_views: bool
) -> Callable[..., None]:
    """Return the kernel of numbers that are lanes as they are stored."""
    size = arithmetic.dtype.itemsize

    def run(
        start: int,
        stop: int,
        first_row: int,
        end_row: int,
        first_column: int,
        end_column: int,
        at: Any,
        bt: Any,
        ct: Any,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        # Signed: numba converts the sum of a signed and an unsigned integer to a float.
        row, row_stop = np.int64(first_row), np.int64(end_row)
        column, column_stop = np.int64(first_column), np.int64(end_column)
        a_row, a_term = (size, a.strides[1]) if at else (a.strides[1], size)
        b_column, b_term = (b.strides[1], size) if bt else (size, b.strides[1])
        terms, c_row = a.shape[1] if at else a.shape[2], c.strides[1]
        rows, columns = row_stop - row, column_stop - column
        c_first, c_start = (column, row) if ct else (row, column)
        for m in range(np.int64(start), np.int64(stop)):
            x, y = address_of(a, m) + row * a_row, address_of(b, m) + column * b_column
            z = address_of(c, m) + c_first * c_row + c_start * size
            x, x_line, x_term, y, y_line, y_term, lines, length = _as_stored(
                ct, x, a_row, a_term, y, b_column, b_term, rows, columns
            )
            done = multiply(x, x_line, x_term, y, y_line, y_term, terms, z, c_row, lines, length)
            if not done:
                settle(at, bt, ct, a[m], b[m], c[m], z, c_row, row, row_stop, column, column_stop)

    return _entry(run, takes_views)


def _make_converting(
    arithmetic: LaneArithmetic, multiply: Any, settle: Any, *, takes_views: bool
) -> Callable[..., None]:
    """Return the kernel of numbers that enter lanes, and of sums that leave them."""
    size, put = arithmetic.dtype.itemsize, make_put_lane(arithmetic)
    enter: Any = arithmetic.enter

    def convert(x: Any, line: Any, lines: Any, first: Any, length: Any, place: Any) -> None:
        for n in range(lines):
            for k in range(length):
                put(place + (n * length + k) * size, enter(x[line + n, first + k]))

    enter_lanes = InlinedRoutine(convert)

    def run(
        start: int,
        stop: int,
        first_row: int,
        end_row: int,
        first_column: int,
        end_column: int,
        at: Any,
        bt: Any,
        ct: Any,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        row, row_stop = np.int64(first_row), np.int64(end_row)
        column, column_stop = np.int64(first_column), np.int64(end_column)
        rows, columns = row_stop - row, column_stop - column
        zero, terms = np.int64(0), np.int64(a.shape[1] if at else a.shape[2])
        a_row, a_term = (size, rows * size) if at else (terms * size, size)
        b_column, b_term = (terms * size, size) if bt else (size, columns * size)
        # One call for both layouts, since each would be compiled.
        a_first, a_lines, a_start, a_length = (
            (zero, terms, row, rows) if at else (row, rows, zero, terms)
        )
        b_first, b_lines, b_start, b_length = (
            (column, columns, zero, terms) if bt else (zero, terms, column, columns)
        )
        z = allocate((rows * columns + (rows + columns) * terms) * size + LINE)
        x = z + rows * columns * size
        y = x + rows * terms * size
        first, first_line, first_term, second, second_line, second_term, lines, length = _as_stored(
            ct, x, a_row, a_term, y, b_column, b_term, rows, columns
        )
        c_row = length * size
        for m in range(np.int64(start), np.int64(stop)):
            enter_lanes(a[m], a_first, a_lines, a_start, a_length, x)
            enter_lanes(b[m], b_first, b_lines, b_start, b_length, y)
            multiply(
                first,
                first_line,
                first_term,
                second,
                second_line,
                second_term,
                terms,
                z,
                c_row,
                lines,
                length,
            )
            settle(at, bt, ct, a[m], b[m], c[m], z, c_row, row, row_stop, column, column_stop)
        free(z)

    return _entry(run, takes_views)


def _choose_sides(
    ct: Any,
    a: Any,
    a_row: Any,
    a_term: Any,
    b: Any,
    b_column: Any,
    b_term: Any,
    rows: Any,
    columns: Any,
) -> Any:
    """Return both operands and the extents of a product as it is stored.

    The lines of a transposed product are its columns, so its operands change places. The
    order of factors matters for NaNs only, and sums that are NaNs are computed again.
    """
    if ct:
        return b, b_column, b_term, a, a_row, a_term, columns, rows
    return a, a_row, a_term, b, b_column, b_term, rows, columns


_as_stored: Final = InlinedRoutine(_choose_sides)


def _entry(run: Callable[..., None], takes_views: bool) -> Callable[..., None]:
    """Return the kernel with the arguments of its loop."""
    inner = InlinedRoutine(run)

    def matmul(
        start: int,
        stop: int,
        first_row: int,
        end_row: int,
        first_column: int,
        end_column: int,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        bounds = start, stop, first_row, end_row, first_column, end_column
        inner(*bounds, False, False, False, a, b, c)

    def matmul_of_views(
        start: int,
        stop: int,
        first_row: int,
        end_row: int,
        first_column: int,
        end_column: int,
        transposed: Any,
        a: Any,
        b: Any,
        c: Any,
    ) -> None:
        at, bt, ct = transposed[0] != 0, transposed[1] != 0, transposed[2] != 0
        bounds = start, stop, first_row, end_row, first_column, end_column
        inner(*bounds, at, bt, ct, a, b, c)

    return matmul_of_views if takes_views else matmul


def _make_multiply(arithmetic: LaneArithmetic, sizes: Shape, many_bytes: int) -> Any:
    """Return ``multiply(a, a_row, a_term, b, b_column, b_term, terms, c, c_row, rows, columns)``.

    The arguments are addresses, distances in bytes, and extents, of a matrix or of some rows and
    columns of one. It returns whether all sums are final.
    """
    packed, direct = make_packed(arithmetic, sizes), make_direct(arithmetic, sizes)
    few_rows, few_bytes, size = _FEW_ROWS, _FEW_BYTES, arithmetic.dtype.itemsize
    tile_rows, many_terms = sizes.packed.rows, _MANY_BLOCKS * sizes.terms

    def multiply(
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
        of_b, fewest = terms * columns * size, few_rows + 1
        is_far, is_long = of_b >= many_bytes, terms >= many_terms
        # Columns that are not next to each other are copied in any case.
        if b_column != size and (is_far or is_long):
            fewest = tile_rows
        elif is_far:
            fewest = tile_rows // 2 + 1
        elif is_long:
            fewest = tile_rows + 1
        if rows < fewest or of_b <= few_bytes:
            return direct(a, a_row, a_term, b, b_column, b_term, terms, c, c_row, rows, columns)
        return packed(a, a_row, a_term, b, b_column, b_term, terms, c, c_row, rows, columns)

    return InlinedRoutine(multiply)
