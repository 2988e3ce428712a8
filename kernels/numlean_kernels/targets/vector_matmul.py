"""Matrix products in the vector registers of the CPU, in the order of the plain loop.

A tile of the result, some rows by one or two vectors, stays in registers while k ascends; each of
its elements starts from +0, and a product is added for every k, as in the plain loop. The set of
elements computed together is free; the order within an element is not.

Processors choose NaNs differently, but a sum that becomes a NaN stays one. So only where a tile
contains a NaN at the end, the table's own routines compute that element again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numlean_kernels.formats import Format
from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.protocol import Loop, Table
from numlean_kernels.targets.inlined import InlinedRoutine

_VECTOR_BITS: Final = 512
_ROWS: Final = 8
_WORD: Final = ir.IntType(64)
_REALS: Final[dict[int, Any]] = {32: ir.FloatType(), 64: ir.DoubleType()}
_DTYPES: Final[dict[int, Any]] = {32: np.float32, 64: np.float64}


def vector_kernel(loop: Loop, format: Format) -> Callable[[Table], Callable[..., None]] | None:
    """Return the maker of the vector kernel of a loop and a hardware format, or None."""
    if loop is MATMUL:
        return _make_vector_kernel(format.width, fused=False)
    return _make_vector_kernel(format.width, fused=True) if loop is MATMUL_FMA else None


def _make_vector_kernel(width: int, *, fused: bool) -> Callable[[Table], Callable[..., None]]:
    lanes = _VECTOR_BITS // width
    dtype = _DTYPES[width]
    wide, narrow = (_tile(width, _ROWS, vectors, fused) for vectors in (2, 1))
    row_wide, row_narrow = (_tile(width, 1, vectors, fused) for vectors in (2, 1))

    def make(table: Table) -> Callable[..., None]:
        element = _element(table, fused)
        most = 2 * lanes

        def product(
            first_row: int, end_row: int, first_column: int, end_column: int, a: Any, b: Any, c: Any
        ) -> None:
            # Signed: numba converts the sum of a signed and an unsigned integer to a float.
            row_start: Any = np.int64(first_row)
            row_stop: Any = np.int64(end_row)
            column_start: Any = np.int64(first_column)
            column_stop: Any = np.int64(end_column)
            terms = a.shape[1]
            panel = np.empty((max(terms, 1), most), b.dtype)
            tile = np.empty((_ROWS, most), dtype)
            bits = tile.view(b.dtype)
            for j in range(column_start, column_stop, most):
                columns = min(most, column_stop - j)
                padded = lanes if columns <= lanes else most
                for k in range(terms):
                    for m in range(columns):
                        panel[k, m] = b[k, j + m]
                    for m in range(columns, padded):
                        panel[k, m] = 0
                i = row_start
                while i < row_stop:
                    rows = _ROWS if i + _ROWS <= row_stop else 1
                    start = a.ctypes.data + i * terms * a.itemsize
                    if rows == 1 and padded == most:
                        row_wide(start, terms, panel.ctypes.data, tile.ctypes.data)
                    elif rows == 1:
                        row_narrow(start, terms, panel.ctypes.data, tile.ctypes.data)
                    elif padded == most:
                        wide(start, terms, panel.ctypes.data, tile.ctypes.data)
                    else:
                        narrow(start, terms, panel.ctypes.data, tile.ctypes.data)
                    for r in range(rows):
                        for m in range(columns):
                            if tile[r, m] == tile[r, m]:
                                c[i + r, j + m] = bits[r, m]
                            else:
                                c[i + r, j + m] = element(a, b, i + r, j + m)
                    i += rows

        product = InlinedRoutine(product)

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
            for m in range(start, stop):
                product(first_row, end_row, first_column, end_column, a[m], b[m], c[m])

        return matmul

    return make


def _element(table: Table, fused: bool) -> Any:
    """Return ``element(a, b, i, j)``: one element by the table's routines, in the same order."""
    zero = table.zero
    fma: Any = table["fma"] if fused else None
    add: Any = None if fused else table["add"]
    mul: Any = None if fused else table["mul"]

    def element(a: Any, b: Any, i: Any, j: Any) -> Any:
        total = np.full(1, zero, b.dtype)
        for k in range(a.shape[1]):
            if fused:
                total[0] = fma(a[i, k], b[k, j], total[0])
            else:
                total[0] = add(total[0], mul(a[i, k], b[k, j]))
        return total[0]

    return InlinedRoutine(element)


@cache
def _tile(width: int, rows: int, vectors: int, fused: bool) -> Any:
    """Return ``tile(a, terms, panel, z)``, all addresses: a block of a product.

    z has the width of a panel in each row. It becomes the product of ``rows`` rows at a, ``terms``
    apart, and the first ``vectors`` vectors of columns of the panel.
    """
    real, lanes = _REALS[width], _VECTOR_BITS // width
    vector = ir.VectorType(real, lanes)
    step = 2 * lanes

    @intrinsic  # type: ignore[untyped-decorator]
    def tile(typing_context: Any, a: Any, terms: Any, panel: Any, z: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a, terms, panel, z = arguments
            a = builder.inttoptr(a, real.as_pointer())
            panel, z = (builder.inttoptr(x, real.as_pointer()) for x in (panel, z))

            def at(base: Any, place: Any) -> Any:
                pointer = builder.gep(base, [place])
                return builder.bitcast(pointer, vector.as_pointer())

            def load(base: Any, place: Any) -> Any:
                loaded = builder.load(at(base, place))
                loaded.align = width // 8
                return loaded

            kind = ir.FunctionType(vector, [vector] * 3)
            fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{lanes}f{width}")
            before = builder.block
            loop = builder.append_basic_block("k")
            after = builder.append_basic_block("done")
            zero = ir.Constant(vector, [ir.Constant(real, 0.0)] * lanes)
            empty = builder.icmp_signed("<=", terms, _WORD(0))
            builder.cbranch(empty, after, loop)
            builder.position_at_end(loop)
            k = builder.phi(_WORD)
            k.add_incoming(_WORD(0), before)
            sums = [[builder.phi(vector) for _ in range(vectors)] for _ in range(rows)]
            row = builder.mul(k, _WORD(step))
            columns = [load(panel, builder.add(row, _WORD(v * lanes))) for v in range(vectors)]
            totals = []
            for r in range(rows):
                place = builder.add(builder.mul(terms, _WORD(r)), k)
                factor = builder.load(builder.gep(a, [place]))
                lane = builder.insert_element(ir.Constant(vector, ir.Undefined), factor, _WORD(0))
                mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
                spread = builder.shuffle_vector(lane, ir.Constant(vector, ir.Undefined), mask)
                totals.append(
                    [
                        builder.call(fma, [spread, columns[v], sums[r][v]])
                        if fused
                        else builder.fadd(sums[r][v], builder.fmul(spread, columns[v]))
                        for v in range(vectors)
                    ]
                )
            following = builder.add(k, _WORD(1))
            k.add_incoming(following, loop)
            for r in range(rows):
                for v in range(vectors):
                    sums[r][v].add_incoming(zero, before)
                    sums[r][v].add_incoming(totals[r][v], loop)
            builder.cbranch(builder.icmp_signed("<", following, terms), loop, after)
            builder.position_at_end(after)
            for r in range(rows):
                for v in range(vectors):
                    total = builder.phi(vector)
                    total.add_incoming(zero, before)
                    total.add_incoming(totals[r][v], loop)
                    sums[r][v] = total
            for r in range(rows):
                for v in range(vectors):
                    place = _WORD(r * step + v * lanes)
                    builder.store(sums[r][v], at(z, place), align=width // 8)
            return context.get_dummy_value()

        word = types.int64
        return types.void(word, word, word, word), generate

    return tile
