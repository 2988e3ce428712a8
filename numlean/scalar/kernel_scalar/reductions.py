"""Products of matrices, sums and extrema along axes, and sums into cells."""

from __future__ import annotations

from typing import Final

import numpy as np

from numlean.errors import ShapeError, UnknownNameError
from numlean.scalar import shapes
from numlean.scalar.kernel_scalar.code_tables import faster_results_of, results_of, zero_of
from numlean.scalar.kernel_scalar.components import (
    Components,
    block,
    check_storage,
    contiguous,
    copy,
    kernel,
    ready,
)
from numlean.scalar.protocol import Axis, Contraction, Indices, Order, Storage
from numlean_kernels.loops.flag_counts import NO_ROUTINES
from numlean_kernels.loops.gather_scatter import GROUP, SCATTER_ADD, SCATTER_ADD_ROWS
from numlean_kernels.loops.lookup import MATMUL_BY_TABLE, SUM_BY_TABLE
from numlean_kernels.loops.matmul import MATMUL, MATMUL_FMA
from numlean_kernels.loops.matmul_of_views import OF_VIEWS
from numlean_kernels.loops.reduce import ARGMAX, MAX, SUM_ORDERED, SUM_PAIRWISE, likely_add
from numlean_kernels.loops.row_sums import (
    LONG,
    PART,
    SUM_ORDERED_ROWS,
    SUM_PAIRWISE_ROWS,
    work_length,
)
from numlean_kernels.protocol import Loop, kernel_for


def matmul(s: Components, a: Storage, b: Storage, contraction: Contraction) -> Storage:
    """Return the product of two matrices, k ascending."""
    a, b = check_storage(s, "matmul", a), check_storage(s, "matmul", b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ShapeError(f"matmul takes shapes (n, k) and (k, m); got {a.shape} and {b.shape}")
    c = s.target.empty((a.shape[0], b.shape[1]), s.codec.storage_dtype)
    _multiply(s, a[np.newaxis], b[np.newaxis], c[np.newaxis], contraction)
    return c


def bmm(s: Components, a: Storage, b: Storage, contraction: Contraction) -> Storage:
    """Return the products of two batches of matrices, k ascending."""
    a, b = check_storage(s, "bmm", a), check_storage(s, "bmm", b)
    c = s.target.empty(shapes.batches(a, b), s.codec.storage_dtype)
    _multiply(s, a, b, c, contraction)
    return c


def _multiply(s: Components, a: Storage, b: Storage, c: Storage, contraction: Contraction) -> None:
    """Write the products of two batches of matrices into c."""
    loop = _choose("contraction", contraction, {"separate": MATMUL, "fma": MATMUL_FMA})
    in_vectors = s.table.multiplies_in_vectors(fused=loop is MATMUL_FMA)
    if in_vectors and s.target.multiplies_views:
        transposed = _is_transposed(a), _is_transposed(b)
        a, b = (
            x.swapaxes(1, 2) if exchanged else contiguous(s, x)
            for x, exchanged in zip((a, b), transposed, strict=True)
        )
        kernel(s, OF_VIEWS[loop])(c.shape, _TRANSPOSED[transposed], a, b, c)
        return
    a, b = contiguous(s, a), contiguous(s, b)
    products = results_of(s, "mul", a, b) if loop is MATMUL and not in_vectors else None
    sums = None if products is None else results_of(s, "add", a, b)
    if products is not None and sums is not None:
        look_up = kernel_for(s.target, MATMUL_BY_TABLE, NO_ROUTINES)
        look_up(c.shape, products, sums, zero_of(s), a, b, c)
    else:
        kernel(s, loop)(c.shape, a, b, c)


def _is_transposed(x: Storage) -> bool:
    """Return whether the matrices of a batch are in C order only with their axes exchanged."""
    return not x.flags.carray and x.swapaxes(1, 2).flags.carray


_TRANSPOSED: Final = {
    each: np.array([*each, 0], np.int64) for each in ((0, 0), (0, 1), (1, 0), (1, 1))
}
"""Which operands are transposed, as kernels take it; the product is not."""


def sum_axes(s: Components, x: Storage, axis: Axis, keepdims: bool, reduction: Order) -> Storage:
    """Return the sums along axes."""
    if axis is None and not keepdims:
        direct = s.direct_sums.get(reduction)
        z = None if direct is None else direct(x)
        if z is not None:
            return z
    loop = _choose("reduction", reduction, {"ordered": SUM_ORDERED, "pairwise": SUM_PAIRWISE})
    if type(axis) is tuple and len(axis) == 1:
        (axis,) = axis
    # Without a simple addition, the loop over cells is as fast for a tree.
    is_simple = loop is SUM_ORDERED or likely_add(s.table) is not None
    rows = _as_rows(s, x, axis) if is_simple else None
    if rows is not None:
        shape = (1,) * x.ndim if axis is None else (*x.shape[:-1], 1)
        kept = shape if keepdims else (() if axis is None else x.shape[:-1])
        z = (_ordered_rows if loop is SUM_ORDERED else _pairwise_rows)(s, rows).reshape(kept)
        if axis is None:
            _remember(s, reduction)
        return z
    axes = shapes.axes_of(axis, check_storage(s, "sum", x).ndim)
    kept = tuple(x.shape[k] for k in range(x.ndim) if k not in axes)
    shape = shapes.keepdims_shape(x.shape, axis) if keepdims else kept
    terms = block(s, "sum", x, axes)
    is_ordered = loop is SUM_ORDERED or terms.shape[1] == 0
    return (_ordered_sums if is_ordered else _pairwise_sums)(s, terms).reshape(shape)


def _remember(s: Components, reduction: Order) -> None:
    """Keep the short way to the sum of all numbers of an array."""
    if reduction not in s.direct_sums:
        loop = SUM_ORDERED_ROWS if reduction == "ordered" else SUM_PAIRWISE_ROWS
        direct = s.target.direct_sum(loop, s.table, s.codec.storage_dtype)
        if direct is not None:
            s.direct_sums[reduction] = direct


def _ordered_sums(s: Components, terms: Storage) -> Storage:
    z = s.target.empty(terms.shape[::2], s.codec.storage_dtype)
    # A single sum is a chain of operations, and a lookup has the lowest latency.
    is_single = terms.shape[2] == 1
    sums = (results_of if is_single else faster_results_of)(s, "add", terms, terms)
    if sums is None:
        kernel(s, SUM_ORDERED)(z.shape, terms, z)
    else:
        kernel_for(s.target, SUM_BY_TABLE, NO_ROUTINES)(z.shape, sums, zero_of(s), terms, z)
    return z


def _as_rows(s: Components, x: Storage, axis: Axis) -> Storage | None:
    """Return the terms of each sum as a row, where the target computes whole rows; else None."""
    if not s.target.computes_rows or type(x) is not np.ndarray or x.dtype.itemsize == 1:
        return None
    if x.dtype is not s.codec.storage_dtype or x.ndim == 0 or not x.size or not x.flags.carray:
        return None
    if axis is None:
        return x.reshape(1, -1)
    return x.reshape(-1, x.shape[-1]) if type(axis) is int and axis in (-1, x.ndim - 1) else None


def _ordered_rows(s: Components, rows: Storage) -> Storage:
    z = s.target.empty(len(rows), rows.dtype)
    kernel(s, SUM_ORDERED_ROWS)(z.shape, rows, z)
    return z


def _pairwise_rows(s: Components, rows: Storage) -> Storage:
    if len(rows) == 1 and rows.size >= LONG:
        return _pairwise_rows(s, _sums_of_parts(s, rows[0]).reshape(1, -1))
    z = s.target.empty(len(rows), rows.dtype)
    work = s.target.empty((len(rows), work_length(rows.shape[1])), rows.dtype)
    kernel(s, SUM_PAIRWISE_ROWS)(z.shape, rows, work, z)
    return z


def _sums_of_parts(s: Components, row: Storage) -> Storage:
    """Return the sums of whole subtrees of a row, and of the rest, which neighbours merge next."""
    whole = row.size // PART * PART
    sums = s.target.empty(-(-row.size // PART), row.dtype)
    for part in (row[:whole].reshape(-1, PART), row[whole:].reshape(1, -1)):
        if part.size:
            count = len(part)
            z = sums[:count] if part.size > PART else sums[-1:]
            work = s.target.empty((count, work_length(part.shape[1])), row.dtype)
            kernel(s, SUM_PAIRWISE_ROWS)((count,), part, work, z)
    return sums


def _pairwise_sums(s: Components, terms: Storage) -> Storage:
    work = copy(s, terms)
    kernel(s, SUM_PAIRWISE)(terms.shape[::2], work)
    return copy(s, work[:, 0, :])


def max_along(s: Components, x: Storage, axis: int, keepdims: bool) -> Storage:
    """Return the greatest numbers along an axis."""
    k = shapes.nonempty_axis("max", axis, check_storage(s, "max", x).shape)
    numbers = block(s, "max", x, (k,))
    z = s.target.empty(numbers.shape[::2], s.codec.storage_dtype)
    kernel(s, MAX)(z.shape, numbers, z)
    kept = (1,) if keepdims else ()
    return z.reshape(x.shape[:k] + kept + x.shape[k + 1 :])


def argmax(s: Components, x: Storage, axis: int) -> Indices:
    """Return the places of the first greatest numbers along an axis."""
    k = shapes.nonempty_axis("argmax", axis, check_storage(s, "argmax", x).shape)
    numbers = block(s, "argmax", x, (k,))
    z = s.target.empty(numbers.shape[::2], np.int64)
    kernel(s, ARGMAX)(z.shape, numbers, z)
    return z.reshape(x.shape[:k] + x.shape[k + 1 :])


def scatter_add(s: Components, x: Storage, index: Indices, shape: tuple[int, ...]) -> Storage:
    """Return an array of ``shape`` into whose cells the elements of x are added."""
    x, z = ready(s, "scatter_add", x), s.target.empty(shape, s.codec.storage_dtype)
    count, width = shapes.cells(x, index, shape)
    starts, sources = group(s, index, count)
    if width == 1:
        kernel(s, SCATTER_ADD)((count,), x.reshape(-1), starts, sources, z.reshape(-1))
    else:
        rows, cells = x.reshape(index.size, width), z.reshape(count, width)
        kernel(s, SCATTER_ADD_ROWS)(cells.shape, rows, starts, sources, cells)
    return z


def group(s: Components, index: Indices, count: int) -> tuple[Indices, Indices]:
    """Return the places of an index that name each of ``count`` cells: see ``GROUP``."""
    places = shapes.places(index, index.shape, count)
    starts, sources = s.target.empty(count + 1, np.int64), s.target.empty(places.size, np.int64)
    kernel_for(s.target, GROUP, NO_ROUTINES)((1,), places, starts, sources)
    return starts, sources


def _choose(option: str, value: str, known: dict[str, Loop]) -> Loop:
    if value not in known:
        raise UnknownNameError(option, value, tuple(known))
    return known[value]
