"""Primitives that move numbers: shapes, parts, and elements at places.

In a vector-Jacobian product, g is the output's cotangent and z the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from numlean.autograd.primitive import Primitive, scalar_method
from numlean.errors import ShapeError
from numlean.scalar.protocol import Scalar, Storage

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor


def _reshape_storage(scalar: Scalar, x: Storage, *, shape: tuple[int, ...]) -> Storage:
    try:
        return (x if x.flags.c_contiguous else scalar.copy(x)).reshape(shape)
    except (TypeError, ValueError):
        raise ShapeError(f"cannot reshape {x.shape} into {shape}") from None


def _permute_storage(scalar: Scalar, x: Storage, *, axes: tuple[int, ...]) -> Storage:
    if sorted(axes) != list(range(x.ndim)):
        raise ShapeError(f"{axes} is not a permutation of the {x.ndim} axes of the array")
    return x.transpose(axes)


def _slice_storage(scalar: Scalar, x: Storage, *, where: tuple[slice, ...]) -> Storage:
    if len(where) > x.ndim:
        raise ShapeError(f"too many slices for an array with {x.ndim} axes: {len(where)}")
    return x[where]


def _concat_storage(scalar: Scalar, *arrays: Storage, axis: int) -> Storage:
    return scalar.concat(arrays, axis)


def _piece(g: Tensor, z: Tensor, *arrays: Tensor, axis: int, number: int) -> Tensor:
    start = sum(x.shape[axis] for x in arrays[:number])
    whole = (slice(None),) * (axis % z.ndim)
    return slice_(g, (*whole, slice(start, start + arrays[number].shape[axis])))


_reshape: Primitive = Primitive(
    "reshape", _reshape_storage, (lambda g, z, x, *, shape: _reshape(g, shape=x.shape),)
)
_permute: Primitive = Primitive(
    "permute",
    _permute_storage,
    (lambda g, z, x, *, axes: permute(g, tuple(int(k) for k in np.argsort(axes))),),
)
_slice: Primitive = Primitive(
    "slice",
    _slice_storage,
    (lambda g, z, x, *, where: _pad(g, shape=x.shape, where=where),),
)
_pad: Primitive = Primitive(
    "pad",
    scalar_method("pad"),
    (lambda g, z, x, *, shape, where: slice_(g, where),),
)
_take: Primitive = Primitive(
    "take",
    scalar_method("take"),
    (lambda g, z, x, index, *, row_axes: scatter_add(g, index, shape=x.shape), None),
)
scatter_add: Primitive = Primitive(
    "scatter_add",
    scalar_method("scatter_add"),
    (lambda g, z, x, index, *, shape: take(g, index, row_axes=x.ndim - index.ndim), None),
)
"""An array of ``shape`` into whose cells x is added; see ``Scalar.scatter_add``."""

_take_along_axis: Primitive = Primitive(
    "take_along_axis",
    scalar_method("take_along_axis"),
    (
        lambda g, z, x, index, *, axis: _scatter_along_axis(
            g, index, extent=x.shape[axis], axis=axis
        ),
        None,
    ),
)
_scatter_along_axis: Primitive = Primitive(
    "scatter_along_axis",
    scalar_method("scatter_along_axis"),
    (lambda g, z, x, index, *, extent, axis: _take_along_axis(g, index, axis=axis), None),
)


def reshape(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the same elements in C order, in another shape; one extent may be -1."""
    return _reshape(x, shape=shape)


def permute(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return x with its axes in another order."""
    return _permute(x, axes=axes)


def transpose(x: Tensor) -> Tensor:
    """Return x with its axes in reverse."""
    return permute(x, tuple(range(x.ndim))[::-1])


def swap_last(x: Tensor) -> Tensor:
    """Return x with its last two axes exchanged."""
    *others, rows, columns = range(x.ndim)
    return permute(x, (*others, columns, rows))


def slice_(x: Tensor, where: tuple[slice, ...]) -> Tensor:
    """Return a part of x, given by one slice per axis; axes not named are whole."""
    return _slice(x, where=where)


def concat(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Return tensors one after the other along an axis.

    Raises:
        ShapeError: There are none, or their shapes do not match.
    """
    if not tensors:
        raise ShapeError("concat takes at least one tensor, got none")
    return _concat(len(tensors))(*tensors, axis=axis)


@cache
def _concat(count: int) -> Primitive:
    vjps = tuple(partial(_piece, number=number) for number in range(count))
    return Primitive("concat", _concat_storage, vjps)


def stack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors of one shape, one after the other along a new first axis."""
    return concat([x.reshape(1, *x.shape) for x in tensors])


def take(x: Tensor, index: Tensor, *, row_axes: int = 0) -> Tensor:
    """Return the elements of x at places counted in C order, +0 at -1; see ``Scalar.take``."""
    return _take(x, index, row_axes=row_axes)


def take_along_axis(x: Tensor, index: Tensor, axis: int = -1) -> Tensor:
    """Return the element of x that an index names along an axis; +0 at -1."""
    return _take_along_axis(x, index, axis=axis)
