"""The operator ``@``: products of vectors, matrices and batches of matrices."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from numlean.autograd import primitives as ops
from numlean.errors import ShapeError

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return a @ b as numpy defines its shape; each sum over k is ascending from +0.

    A vector on the left is a row, one on the right a column; its axis is not in the result. The
    axes before the last two are batches, which broadcast.

    Raises:
        ShapeError: An operand has no axes, or the shapes do not match.
    """
    if a.ndim == b.ndim == 2:
        return ops.matmul(a, b)
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[max(b.ndim - 2, 0)]:
        raise ShapeError(f"@ takes shapes (..., n, k) and (..., k, m); got {a.shape} and {b.shape}")
    left = a.reshape(1, a.size) if a.ndim == 1 else a
    right = b.reshape(b.size, 1) if b.ndim == 1 else b
    leading = _common(left.shape[:-2], right.shape[:-2])
    rows, columns = left.shape[-2:-1], right.shape[-1:]
    if leading:
        z = ops.bmm(_batch(left, leading), _batch(right, leading))
    else:
        z = ops.matmul(left, right)
    return z.reshape(*leading, *(rows if a.ndim > 1 else ()), *(columns if b.ndim > 1 else ()))


def _common(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise ShapeError(f"@: batches {a} and {b} do not broadcast") from None


def _batch(x: Tensor, leading: tuple[int, ...]) -> Tensor:
    """Return matrices with the leading axes of all operands, joined to one."""
    shape = (*leading, *x.shape[-2:])
    every = x if x.shape == shape else ops.broadcast_to(x, shape)
    return every.reshape(prod(leading), *x.shape[-2:])
