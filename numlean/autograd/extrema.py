"""The greatest and least elements of tensors, over one axis, several, or all."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from numlean.autograd import primitives as ops
from numlean.scalar.protocol import Axis, Indices
from numlean.scalar.shapes import axes_of, keepdims_shape

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor


def greatest(x: Tensor, axis: Axis, *, keepdims: bool) -> Tensor:
    """Return ``maximum`` of all elements along axes, in C order; a NaN propagates.

    The gradient of a tie goes to the first of the greatest elements.

    Raises:
        ShapeError: An axis does not exist or is empty.
    """
    z = ops.max_(*_one_axis(x, axis))
    return ops.reshape(z, keepdims_shape(x.shape, axis)) if keepdims else z


def least(x: Tensor, axis: Axis, *, keepdims: bool) -> Tensor:
    """Return the least elements along axes, as -max(-x): see ``greatest``."""
    return ops.neg(greatest(ops.neg(x), axis, keepdims=keepdims))


def place_of_greatest(x: Tensor, axis: int | None, *, keepdims: bool) -> Any:
    """Return the index of the first greatest element along an axis, or in C order of all.

    Zeros are equal; if there are NaNs, the result is the index of the first.

    Raises:
        ShapeError: The axis does not exist or is empty.
    """
    operand, along = _one_axis(x, axis)
    found: Indices = np.array(x.scalar.argmax(operand.data, along), dtype=np.int64)
    return found.reshape(keepdims_shape(x.shape, axis)) if keepdims else found[()]


def _one_axis(x: Tensor, axis: Axis) -> tuple[Tensor, int]:
    """Return a tensor with several axes joined to its last one, and that axis."""
    if isinstance(axis, int):
        return x, axis
    if axis is None:
        return x.reshape(x.size), 0
    axes = axes_of(axis, x.ndim)
    kept = tuple(k for k in range(x.ndim) if k not in axes)
    joined = prod(x.shape[k] for k in axes)
    moved = ops.permute(x, (*kept, *axes))
    return moved.reshape(*(x.shape[k] for k in kept), joined), -1
