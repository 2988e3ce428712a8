"""Operations that round at random in kernels that draw their random words themselves.

The words are those of :func:`numlean.scalar.kernel_scalar.random_words.random_words`, drawn for
each operation of which a product or a sum consists. Only the CPU has such kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Final

import numpy as np

from numlean.errors import ShapeError, UnknownNameError
from numlean.scalar import shapes
from numlean.scalar.kernel_scalar.components import (
    Components,
    block,
    check_storage,
    contiguous,
    flat,
    kernel,
)
from numlean.scalar.kernel_scalar.random_words import random_key
from numlean.scalar.noise import NoiseStream
from numlean.scalar.protocol import Axis, Contraction, Order, Storage
from numlean_kernels.loops.drawn import MATMUL_DRAWN, MATMUL_FMA_DRAWN, SUM_DRAWN, drawn
from numlean_kernels.protocol import Loop

_LOOPS: Final[dict[str, tuple[Loop, int]]] = {
    "separate": (MATMUL_DRAWN, 2),
    "fma": (MATMUL_FMA_DRAWN, 1),
}
"""The loop of each contraction, and how often it draws for a term."""

_MOST_CELLS: Final = 1 << 32
"""The most cells of a product or a sum whose kernel draws."""


def elementwise(
    s: Components, stream: NoiseStream, name: str, operands: tuple[Storage, ...]
) -> Storage:
    """Apply an operation to arrays of one shape, in C order."""
    z = s.target.empty(operands[0].shape, s.codec.storage_dtype)
    key = random_key(s.target, stream)
    kernel(s, drawn(name, len(operands)))((z.size,), key, *flat(*operands, z))
    return z


def of_operation(
    s: Components, stream: NoiseStream, operation: str, *operands: Any, **options: Any
) -> Storage | None:
    """Return the result of an operation on arrays; None if it has no kernel that draws."""
    compute = _OPERATIONS.get(operation)
    return None if compute is None else compute(s, stream, *operands, **options)


def _matmul(
    s: Components,
    stream: NoiseStream,
    a: Storage,
    b: Storage,
    *,
    contraction: Contraction = "separate",
) -> Storage | None:
    a, b = check_storage(s, "matmul", a), check_storage(s, "matmul", b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ShapeError(f"matmul takes shapes (n, k) and (k, m); got {a.shape} and {b.shape}")
    c = _products(s, stream, a[np.newaxis], b[np.newaxis], contraction)
    return None if c is None else c[0]


def _bmm(
    s: Components,
    stream: NoiseStream,
    a: Storage,
    b: Storage,
    *,
    contraction: Contraction = "separate",
) -> Storage | None:
    a, b = check_storage(s, "bmm", a), check_storage(s, "bmm", b)
    return _products(s, stream, a, b, contraction)


def _products(
    s: Components, stream: NoiseStream, a: Storage, b: Storage, contraction: Contraction
) -> Storage | None:
    shape = shapes.batches(a, b)
    if contraction not in _LOOPS:
        raise UnknownNameError("contraction", contraction, tuple(_LOOPS))
    if prod(shape) > _MOST_CELLS:
        return None
    loop, draws = _LOOPS[contraction]
    c = s.target.empty(shape, s.codec.storage_dtype)
    key = random_key(s.target, stream, draws * a.shape[-1])
    kernel(s, loop)(c.shape, key, contiguous(s, a), contiguous(s, b), c)
    return c


def _sum(
    s: Components,
    stream: NoiseStream,
    x: Storage,
    axis: Axis = None,
    *,
    keepdims: bool = False,
    reduction: Order = "ordered",
) -> Storage | None:
    axes = shapes.axes_of(axis, check_storage(s, "sum", x).ndim)
    kept = tuple(x.shape[k] for k in range(x.ndim) if k not in axes)
    if reduction != "ordered" or prod(kept) > _MOST_CELLS:
        return None
    terms = block(s, "sum", x, axes)
    if terms.shape[2] == 1:  # vectors are of cells
        terms = contiguous(s, terms.transpose(2, 1, 0))
    z = s.target.empty(terms.shape[::2], s.codec.storage_dtype)
    key = random_key(s.target, stream, terms.shape[1])
    kernel(s, SUM_DRAWN)(z.shape, key, terms, z)
    return z.reshape(shapes.keepdims_shape(x.shape, axis) if keepdims else kept)


_OPERATIONS: Final[dict[str, Callable[..., Storage | None]]] = {
    "matmul": _matmul,
    "bmm": _bmm,
    "sum": _sum,
}
