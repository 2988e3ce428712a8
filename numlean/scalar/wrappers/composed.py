"""Matrix products and sums made of a Scalar's own elementwise operations, in the specified order.

For Scalars that count the flags of every single operation, or round each at random.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean.arguments import describe_value
from numlean.errors import ShapeError, StorageError, UnknownNameError
from numlean.scalar.operations import OPERATIONS
from numlean.scalar.protocol import Axis, Contraction, Indices, Order, Scalar, Storage
from numlean.scalar.shapes import axes_of, batches, cells, keepdims_shape, places


def matmul(
    scalar: Scalar, a: Storage, b: Storage, *, contraction: Contraction = "separate"
) -> Storage:
    """Return the product of two matrices: see :meth:`numlean.scalar.protocol.Scalar.matmul`."""
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ShapeError(f"matmul takes shapes (n, k) and (k, m); got {a.shape} and {b.shape}")
    return _products(scalar, a, b, (a.shape[0], b.shape[1]), contraction)


def bmm(
    scalar: Scalar, a: Storage, b: Storage, *, contraction: Contraction = "separate"
) -> Storage:
    """Return the products of batches: see :meth:`numlean.scalar.protocol.Scalar.bmm`."""
    return _products(scalar, a, b, batches(a, b), contraction)


def _products(
    scalar: Scalar,
    a: Storage,
    b: Storage,
    shape: tuple[int, ...],
    contraction: Contraction,
) -> Storage:
    if contraction not in ("separate", "fma"):
        raise UnknownNameError("contraction", contraction, ("separate", "fma"))
    z = scalar.from_float(np.zeros(shape))
    for k in range(a.shape[-1]):
        column, row = a[..., k : k + 1], b[..., k : k + 1, :]
        if contraction == "fma":
            z = scalar.fma(column, row, z)
        else:
            z = scalar.add(z, scalar.mul(column, row))
    return z


def sum_axes(
    scalar: Scalar,
    x: Storage,
    axis: Axis = None,
    *,
    keepdims: bool = False,
    reduction: Order = "ordered",
) -> Storage:
    """Return the sums along axes: see :meth:`numlean.scalar.protocol.Scalar.sum`."""
    if reduction not in ("ordered", "pairwise"):
        raise UnknownNameError("reduction", reduction, ("ordered", "pairwise"))
    axes = axes_of(axis, x.ndim)
    kept = tuple(k for k in range(x.ndim) if k not in axes)
    shape = tuple(x.shape[k] for k in kept)
    summed = x.transpose(*axes, *kept)
    terms = [summed[(*index, ...)] for index in np.ndindex(*summed.shape[: len(axes)])]
    if reduction == "pairwise" and terms:
        z = _add_pairwise(scalar, terms)
    else:
        z = scalar.from_float(np.zeros(shape))
        for term in terms:
            z = scalar.add(z, term)
    return z.reshape(keepdims_shape(x.shape, axis) if keepdims else shape)


def scatter_add(scalar: Scalar, x: Storage, index: Indices, shape: tuple[int, ...]) -> Storage:
    """Add elements into cells: see :meth:`numlean.scalar.protocol.Scalar.scatter_add`.

    Round k adds the k-th element of every cell, and +0 where a cell has fewer elements. Adding +0
    to a sum that started from +0 changes nothing.
    """
    count, _ = cells(x, index, shape)
    flat = places(index, index.shape, count)
    order = np.argsort(flat, kind="stable")
    order = order[np.searchsorted(flat[order], 0) :]
    owners = flat[order]
    turn = np.arange(len(owners)) - np.searchsorted(owners, owners)
    z = scalar.from_float(np.zeros((count, *x.shape[index.ndim :])))
    for k in range(int(turn.max(initial=-1)) + 1):
        sources = np.full(count, -1)
        sources[owners[turn == k]] = order[turn == k]
        z = scalar.add(z, scalar.take(x, sources, row_axes=x.ndim - index.ndim))
    return z.reshape(shape)


def _add_pairwise(scalar: Scalar, terms: list[Storage]) -> Storage:
    while len(terms) > 1:
        pairs = [scalar.add(*terms[k : k + 2]) for k in range(0, len(terms) - 1, 2)]
        terms = pairs + terms[2 * len(pairs) :]
    return terms[0]


def _checked(operation: str, function: Callable[..., Storage]) -> Callable[..., Storage]:
    """Return a function that refuses operands that are not the Scalar's numbers."""

    def call(scalar: Scalar, *operands: Any, **options: Any) -> Storage:
        for x in operands[: OPERATIONS[operation].arity]:
            if not isinstance(x, np.ndarray) or x.dtype != scalar.storage_dtype:
                shown = f"{x.dtype} arrays" if isinstance(x, np.ndarray) else describe_value(x)
                raise StorageError(
                    f"{operation} of {scalar.name} takes {scalar.storage_dtype} arrays, not"
                    f" {shown}; use from_float to bring numbers in"
                )
        return function(scalar, *operands, **options)

    return call


_FUNCTIONS: Final[dict[str, Callable[..., Storage]]] = {
    "matmul": matmul,
    "bmm": bmm,
    "sum": sum_axes,
    "scatter_add": scatter_add,
}

COMPOSED: Final = {name: _checked(name, function) for name, function in _FUNCTIONS.items()}
"""Functions ``(scalar, *operands, **options)`` by the name of the operation they compose."""
