"""Checks of shapes, axes and indices, and the shapes that kernels take."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from numlean.arguments import describe_value
from numlean.errors import ShapeError
from numlean.scalar.protocol import Axis, Indices, Storage


def broadcast(operation: str, operands: tuple[Storage, ...]) -> tuple[Storage, ...]:
    """Return the operands in their common shape, as views.

    Raises:
        ShapeError: The shapes do not broadcast.
    """
    try:
        shape = np.broadcast_shapes(*(x.shape for x in operands))
        return tuple(x if x.shape == shape else np.broadcast_to(x, shape) for x in operands)
    except ValueError:
        shapes = " and ".join(str(x.shape) for x in operands)
        raise ShapeError(f"{operation}: shapes {shapes} do not broadcast") from None


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return axes as nonnegative numbers in ascending order.

    Raises:
        ShapeError: An axis does not exist, is named twice, or is not an integer.
    """
    requested = range(ndim) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    given = [_integer("sum", a) for a in requested]
    axes = tuple(sorted(a + ndim if a < 0 else a for a in given))
    if any(not 0 <= a < ndim for a in axes) or len(set(axes)) < len(axes):
        raise ShapeError(f"sum: axis {axis} is out of range or repeated; the array has {ndim} axes")
    return axes


def _integer(operation: str, axis: object) -> int:
    if type(axis) is int:
        return axis
    if not isinstance(axis, int | np.integer) or isinstance(axis, bool):
        raise ShapeError(f"{operation}: an axis is an integer, got {describe_value(axis)}")
    return int(axis)


def middle_axis(x: Storage, axes: tuple[int, ...]) -> tuple[Storage, tuple[int, int, int]]:
    """Return a view with the axes next to each other, and the shape that joins them.

    The shape is (outer, n, inner). The Scalar must copy a view that is not contiguous before it
    takes that shape.
    """
    if axes and axes != tuple(range(axes[0], axes[-1] + 1)):
        kept = [k for k in range(x.ndim) if k not in axes]
        x = x.transpose(*kept, *axes)
        axes = tuple(range(len(kept), x.ndim))
    first, last = (axes[0], axes[-1] + 1) if axes else (x.ndim, x.ndim)
    return x, (prod(x.shape[:first]), prod(x.shape[first:last]), prod(x.shape[last:]))


def concat_shape(arrays: Sequence[Storage], axis: int) -> tuple[int, ...]:
    """Return the shape of arrays one after the other along an axis.

    Raises:
        ShapeError: There are no arrays, the axis does not exist, or other extents differ.
    """
    axis = _integer("concat", axis)
    is_axis = all(-x.ndim <= axis < x.ndim for x in arrays)
    others = {_without(x.shape, axis % max(x.ndim, 1)) for x in arrays}
    if len(others) != 1 or not is_axis:
        shapes = " and ".join(str(x.shape) for x in arrays) or "nothing"
        raise ShapeError(f"cannot concatenate {shapes} along axis {axis}")
    shape = list(arrays[0].shape)
    shape[axis] = sum(x.shape[axis] for x in arrays)
    return tuple(shape)


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return tuple(n for k, n in enumerate(shape) if k != axis)


def places(index: Indices, shape: tuple[int, ...], size: int) -> Indices:
    """Return an index as kernels take it, flat; -1 selects no element.

    Raises:
        ShapeError: The index is not of ``shape``, or is not below ``size``.
    """
    if not isinstance(index, np.ndarray) or index.dtype.kind not in "iu":
        raise ShapeError(f"an index must be an array of integers, got {describe_value(index)}")
    if index.shape != shape:
        raise ShapeError(f"the index must have shape {shape}, got {index.shape}")
    flat = np.ascontiguousarray(index, np.int64).reshape(-1)
    if flat.size and not (flat.min() >= -1 and flat.max() < size):
        wrong = flat[(flat < -1) | (flat >= size)][0]
        raise ShapeError(f"index {wrong} is out of range for an array with {size} elements")
    return flat


def cells(x: Storage, index: Indices, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the number of cells of an array of ``shape``, and the numbers in each.

    Raises:
        ShapeError: The index, which has one entry per element of x, does not fit x or ``shape``.
    """
    row = x.shape[index.ndim :]
    if x.shape[: index.ndim] != index.shape or shape[len(shape) - len(row) :] != row:
        raise ShapeError(
            f"an index of shape {index.shape} does not fit an array of shape {x.shape} and cells of"
            f" shape {shape}"
        )
    return prod(shape[: len(shape) - len(row)]), prod(row)


def one_axis(operation: str, axis: int, ndim: int) -> int:
    """Return an axis as a nonnegative number.

    Raises:
        ShapeError: The axis does not exist.
    """
    k = _integer(operation, axis)
    if not -ndim <= k < ndim:
        raise ShapeError(f"{operation}: axis {k} is out of range; the array has {ndim} axes")
    return k % ndim


def nonempty_axis(operation: str, axis: int, shape: tuple[int, ...]) -> int:
    """Return an axis that is not empty as a nonnegative number.

    Raises:
        ShapeError: The axis does not exist or is empty.
    """
    k = one_axis(operation, axis, len(shape))
    if shape[k] == 0:
        raise ShapeError(f"{operation}: axis {axis} of shape {shape} is empty")
    return k


def batches(a: Storage, b: Storage) -> tuple[int, int, int]:
    """Return the shape of the products of two batches of matrices.

    Raises:
        ShapeError: The batches do not have matching shapes.
    """
    if a.ndim != 3 or b.ndim != 3 or len(a) != len(b) or a.shape[2] != b.shape[1]:
        raise ShapeError(f"bmm takes shapes (m, n, k) and (m, k, l); got {a.shape} and {b.shape}")
    return (len(a), a.shape[1], b.shape[2])


def keepdims_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """Return the shape of a sum that keeps the summed axes, each of extent one."""
    summed = axes_of(axis, len(shape))
    return tuple(1 if k in summed else n for k, n in enumerate(shape))
