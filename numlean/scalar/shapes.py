"""The shapes that kernels take, out of those that users have."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from numlean.errors import ShapeError
from numlean.scalar.protocol import Axis, Indices, Storage


def broadcast(operation: str, operands: tuple[Storage, ...]) -> tuple[Storage, ...]:
    """The operands in their common shape, as views.

    Raises:
        ShapeError: They have none.
    """
    try:
        shape = np.broadcast_shapes(*(x.shape for x in operands))
        return tuple(x if x.shape == shape else np.broadcast_to(x, shape) for x in operands)
    except ValueError:
        shapes = " and ".join(str(x.shape) for x in operands)
        raise ShapeError(f"{operation}: shapes {shapes} do not broadcast") from None


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes meant, nonnegative and ascending.

    Raises:
        ShapeError: One does not exist, or is named twice.
    """
    asked = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(sorted(int(a) + ndim if a < 0 else int(a) for a in asked))
    if any(not 0 <= a < ndim for a in axes) or len(set(axes)) < len(axes):
        raise ShapeError(f"sum over axis {axis} of an array with {ndim} axes")
    return axes


def middle_axis(x: Storage, axes: tuple[int, ...]) -> tuple[Storage, tuple[int, int, int]]:
    """A view with the axes side by side, and its shape with them joined: (outer, n, inner).

    A view that is not contiguous must be copied before it takes that shape: by its Scalar.
    """
    if axes and axes != tuple(range(axes[0], axes[-1] + 1)):
        kept = [k for k in range(x.ndim) if k not in axes]
        x = x.transpose(*kept, *axes)
        axes = tuple(range(len(kept), x.ndim))
    first, last = (axes[0], axes[-1] + 1) if axes else (x.ndim, x.ndim)
    return x, (prod(x.shape[:first]), prod(x.shape[first:last]), prod(x.shape[last:]))


def joined(arrays: Sequence[Storage], axis: int) -> tuple[int, ...]:
    """The shape of arrays put one after the other.

    Raises:
        ShapeError: There are none, there is no such axis, or other extents differ.
    """
    others = {tuple(n for k, n in enumerate(x.shape) if k != axis % x.ndim) for x in arrays}
    if len(others) != 1 or not all(-x.ndim <= axis < x.ndim for x in arrays):
        shapes = " and ".join(str(x.shape) for x in arrays) or "nothing"
        raise ShapeError(f"concat of {shapes} along axis {axis}")
    shape = list(arrays[0].shape)
    shape[axis] = sum(x.shape[axis] for x in arrays)
    return tuple(shape)


def places(index: Indices, shape: tuple[int, ...], size: int) -> Indices:
    """An index as kernels take it, flat; -1 stands for no place.

    Raises:
        ShapeError: It is not of ``shape``, or names a place beyond ``size``.
    """
    if index.shape != shape:
        raise ShapeError(f"an index of shape {index.shape} for an array of shape {shape}")
    flat = np.ascontiguousarray(index, np.int64).reshape(-1)
    if flat.size and not (flat.min() >= -1 and flat.max() < size):
        wrong = flat[(flat < -1) | (flat >= size)][0]
        raise ShapeError(f"index {wrong} of an array with {size} elements")
    return flat


def cells(x: Storage, index: Indices, shape: tuple[int, ...]) -> tuple[int, int]:
    """How many cells an array of ``shape`` has for elements of x, and how many numbers each is.

    Raises:
        ShapeError: The index, which has one entry an element of x, does not fit x or ``shape``.
    """
    row = x.shape[index.ndim :]
    if x.shape[: index.ndim] != index.shape or shape[len(shape) - len(row) :] != row:
        raise ShapeError(
            f"an index of shape {index.shape} for an array of shape {x.shape} and cells of shape"
            f" {shape}"
        )
    return prod(shape[: len(shape) - len(row)]), prod(row)


def one_axis(operation: str, axis: int, ndim: int) -> int:
    """The axis meant, nonnegative.

    Raises:
        ShapeError: It does not exist.
    """
    if not -ndim <= axis < ndim:
        raise ShapeError(f"{operation} along axis {axis} of an array with {ndim} axes")
    return axis % ndim


def filled_axis(operation: str, axis: int, shape: tuple[int, ...]) -> int:
    """The axis meant, nonnegative, along which there is a greatest.

    Raises:
        ShapeError: It does not exist, or is empty.
    """
    k = one_axis(operation, axis, len(shape))
    if shape[k] == 0:
        raise ShapeError(f"there is no greatest of shape {shape}: axis {axis} is empty")
    return k


def batches(a: Storage, b: Storage) -> tuple[int, int, int]:
    """The shape of the products of two batches of matrices.

    Raises:
        ShapeError: They do not fit.
    """
    if a.ndim != 3 or b.ndim != 3 or len(a) != len(b) or a.shape[2] != b.shape[1]:
        raise ShapeError(f"bmm takes shapes (m, n, k) and (m, k, l); got {a.shape} and {b.shape}")
    return (len(a), a.shape[1], b.shape[2])


def kept_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """The shape of a sum over axes that keeps them, each of extent one."""
    summed = axes_of(axis, len(shape))
    return tuple(1 if k in summed else n for k, n in enumerate(shape))
