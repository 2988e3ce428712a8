"""The shapes that kernels take, out of those that users have."""

from __future__ import annotations

from math import prod

import numpy as np

from numlean.errors import ShapeError
from numlean.scalar import Axis, Storage


def writable(x: Storage) -> Storage:
    """A copy in C order."""
    return np.array(x, order="C", copy=True)


def broadcast(operation: str, operands: tuple[Storage, ...]) -> tuple[Storage, ...]:
    """The operands in their common shape, as views.

    Raises:
        ShapeError: They have none.
    """
    try:
        return tuple(np.broadcast_arrays(*operands))
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


def middle_axis(x: Storage, axes: tuple[int, ...]) -> Storage:
    """The array with the axes joined, in C order, as the middle one of (outer, n, inner)."""
    if axes and axes != tuple(range(axes[0], axes[-1] + 1)):
        kept = [k for k in range(x.ndim) if k not in axes]
        x = x.transpose(*kept, *axes)
        axes = tuple(range(len(kept), x.ndim))
    first, last = (axes[0], axes[-1] + 1) if axes else (x.ndim, x.ndim)
    return x.reshape(prod(x.shape[:first]), prod(x.shape[first:last]), prod(x.shape[last:]))


def kept_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """The shape of a sum over axes that keeps them, each of extent one."""
    summed = axes_of(axis, len(shape))
    return tuple(1 if k in summed else n for k, n in enumerate(shape))
