"""Operations that move numbers and compute nothing."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from numlean.scalar import checks, shapes
from numlean.scalar.kernel_scalar.components import (
    Components,
    block,
    check_storage,
    contiguous,
    copy,
    flat,
    kernel,
    ready,
)
from numlean.scalar.kernel_scalar.conversions import from_float
from numlean.scalar.protocol import Indices, Storage
from numlean_kernels.loops.gather_scatter import (
    CHOOSE,
    SCATTER_ALONG_AXIS,
    TAKE,
    TAKE_ALONG_AXIS,
    TAKE_ROWS,
    WHERE,
)


def concat(s: Components, arrays: Sequence[Storage], axis: int) -> Storage:
    """Return arrays one after the other along an axis."""
    arrays = [check_storage(s, "concat", x) for x in arrays]
    z = s.target.empty(shapes.concat_shape(arrays, axis), s.codec.storage_dtype)
    start, whole = 0, (slice(None),) * (axis % z.ndim)
    for x in arrays:
        stop = start + x.shape[axis]
        s.target.copy_into(x, z[(*whole, slice(start, stop))])
        start = stop
    return z


def pad(s: Components, x: Storage, shape: tuple[int, ...], where: tuple[slice, ...]) -> Storage:
    """Return an array of ``shape`` that has x at ``where`` and +0 elsewhere."""
    z = copy(s, np.broadcast_to(from_float(s, 0.0), shape))
    s.target.copy_into(check_storage(s, "pad", x), z[where])
    return z


def take(s: Components, x: Storage, index: Indices, row_axes: int) -> Storage:
    """Return the elements, or rows, of x at places."""
    x = ready(s, "take", x)
    count, row = prod(x.shape[: x.ndim - row_axes]), x.shape[x.ndim - row_axes :]
    z, width = s.target.empty(index.shape + row, s.codec.storage_dtype), prod(row)
    places = shapes.places(index, index.shape, count)
    if width == 1:
        kernel(s, TAKE)((z.size,), x.reshape(-1), places, z.reshape(-1))
    else:
        taken = z.reshape(places.size, width)
        kernel(s, TAKE_ROWS)(taken.shape, x.reshape(count, width), places, taken)
    return z


def take_along_axis(s: Components, x: Storage, index: Indices, axis: int) -> Storage:
    """Return the elements of x that an index names along an axis."""
    k = shapes.one_axis("take_along_axis", axis, check_storage(s, "take_along_axis", x).ndim)
    places = shapes.places(index, x.shape[:k] + x.shape[k + 1 :], x.shape[k])
    numbers = block(s, "take_along_axis", x, (k,))
    z = s.target.empty(numbers.shape[::2], s.codec.storage_dtype)
    kernel(s, TAKE_ALONG_AXIS)(z.shape, numbers, places.reshape(z.shape), z)
    return z.reshape(index.shape)


def scatter_along_axis(
    s: Components, x: Storage, index: Indices, extent: int, axis: int
) -> Storage:
    """Return x at the places that an index names along a new axis, +0 elsewhere."""
    x = ready(s, "scatter_along_axis", x)
    k = shapes.one_axis("scatter_along_axis", axis, x.ndim + 1)
    places = shapes.places(index, x.shape, extent)
    outer, inner = prod(x.shape[:k]), prod(x.shape[k:])
    z = s.target.empty((outer, extent, inner), s.codec.storage_dtype)
    kernel(s, SCATTER_ALONG_AXIS)(z.shape, x.reshape(outer, inner), places.reshape(outer, inner), z)
    return z.reshape(*x.shape[:k], extent, *x.shape[k:])


def where(
    s: Components,
    condition: np.ndarray[Any, np.dtype[np.bool_]],
    x: Storage,
    y: Storage | None,
) -> Storage:
    """Return x where a condition holds, elsewhere y or +0."""
    branches = [check_storage(s, "where", z) for z in ((x,) if y is None else (x, y))]
    operands = shapes.broadcast("where", (checks.as_mask(condition), *branches))
    z = s.target.empty(operands[0].shape, s.codec.storage_dtype)
    loop = WHERE if y is None else CHOOSE
    kernel(s, loop)((z.size,), *flat(*(contiguous(s, operand) for operand in operands), z))
    return z
