"""Primitives that combine many elements into one: sums, extrema, products of matrices.

In a vector-Jacobian product, g is the output's cotangent and z the output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numlean.autograd.primitive import Primitive, scalar_method
from numlean.autograd.primitives.movement import reshape, swap_last, transpose
from numlean.errors import ShapeError
from numlean.scalar.protocol import Axis, Contraction, Order, Scalar, Storage
from numlean.scalar.shapes import keepdims_shape

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor


def unbroadcast(g: Tensor, x: Tensor) -> Tensor:
    """Sum a cotangent over the axes along which x was broadcast."""
    if g.shape == x.shape:
        return g
    added = g.ndim - x.ndim
    stretched = [added + k for k, n in enumerate(x.shape) if n == 1 and g.shape[added + k] != 1]
    total = sum_(g, (*range(added), *stretched))
    return reshape(total, x.shape)


def _broadcast_storage(scalar: Scalar, x: Storage, *, shape: tuple[int, ...]) -> Storage:
    try:
        return scalar.copy(np.broadcast_to(x, shape))
    except ValueError:
        raise ShapeError(f"cannot broadcast {x.shape} to {shape}") from None


def _to_argmax_storage(scalar: Scalar, g: Storage, x: Storage, *, axis: int) -> Storage:
    return scalar.scatter_along_axis(g, scalar.argmax(x, axis), x.shape[axis], axis)


def _at_argmax_storage(scalar: Scalar, y: Storage, x: Storage, *, axis: int) -> Storage:
    return scalar.take_along_axis(y, scalar.argmax(x, axis), axis)


_sum: Primitive = Primitive(
    "sum",
    scalar_method("sum"),
    (
        lambda g, z, x, *, axis, reduction: broadcast_to(
            reshape(g, keepdims_shape(x.shape, axis)), x.shape
        ),
    ),
)
_broadcast_to: Primitive = Primitive(
    "broadcast_to", _broadcast_storage, (lambda g, z, x, *, shape: unbroadcast(g, x),)
)
_matmul: Primitive = Primitive(
    "matmul",
    scalar_method("matmul"),
    (
        lambda g, z, a, b, *, contraction: _matmul(g, transpose(b), contraction=contraction),
        lambda g, z, a, b, *, contraction: _matmul(transpose(a), g, contraction=contraction),
    ),
)
_bmm: Primitive = Primitive(
    "bmm",
    scalar_method("bmm"),
    (
        lambda g, z, a, b, *, contraction: _bmm(g, swap_last(b), contraction=contraction),
        lambda g, z, a, b, *, contraction: _bmm(swap_last(a), g, contraction=contraction),
    ),
)
_max: Primitive = Primitive(
    "max", scalar_method("max"), (lambda g, z, x, *, axis: to_argmax(g, x, axis=axis),)
)
_constant_max: Primitive = Primitive("max", scalar_method("max"), (None,))

to_argmax: Primitive = Primitive(
    "to_greatest",
    _to_argmax_storage,
    (lambda h, z, g, x, *, axis: at_argmax(h, x, axis=axis), None),
)
"""g at the first greatest of x along an axis, +0 elsewhere."""

at_argmax: Primitive = Primitive(
    "of_greatest",
    _at_argmax_storage,
    (lambda g, z, y, x, *, axis: to_argmax(g, x, axis=axis), None),
)
"""The element of y at the first greatest of x along an axis."""


def sum_(
    x: Tensor, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
) -> Tensor:
    """Return the sum over an axis, several, or all.

    Ordered: +0, then each added for ascending index. Pairwise: by the balanced binary tree that
    splits an index range at the largest power of two below its length.
    """
    total = _sum(x, axis=axis, reduction=reduction)
    return reshape(total, keepdims_shape(x.shape, axis)) if keepdims else total


def broadcast_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return x repeated along new and unit axes."""
    return _broadcast_to(x, shape=shape)


def matmul(a: Tensor, b: Tensor, *, contraction: Contraction = "separate") -> Tensor:
    """Return the product of matrices (n, k) and (k, m): k ascending from +0; "fma" fuses."""
    return _matmul(a, b, contraction=contraction)


def bmm(a: Tensor, b: Tensor, *, contraction: Contraction = "separate") -> Tensor:
    """Return the products of matrices, batches (m, n, k) and (m, k, l); see ``Scalar.bmm``."""
    return _bmm(a, b, contraction=contraction)


def max_(x: Tensor, axis: int = -1) -> Tensor:
    """Return the greatest along an axis; the gradient of a tie goes to the first."""
    return _max(x, axis=axis)


def max_constant(x: Tensor, axis: int = -1, *, keepdims: bool = True) -> Tensor:
    """Return the greatest along an axis, as a constant to gradients."""
    return _constant_max(x, axis=axis, keepdims=keepdims)
