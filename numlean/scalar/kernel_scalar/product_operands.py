"""Operands of products of matrices that are numbers of other Scalars."""

from __future__ import annotations

import numpy as np

from numlean.errors import NumleanError, ShapeError
from numlean.scalar.protocol import Numbers, Scalar, Storage


def numbers_or_none(operation: str, scalar: Scalar | None, x: Storage | None) -> Numbers | None:
    """Return an addend with its Scalar; None without both.

    Raises:
        NumleanError: One of the two is missing.
    """
    if scalar is None and x is None:
        return None
    if scalar is None or x is None:
        raise NumleanError(f"{operation} takes an addend's Scalar and its numbers, or neither")
    return Numbers(scalar, x)


def product_shape(
    operation: str, left: Numbers, right: Numbers, c: Numbers | None
) -> tuple[int, ...]:
    """Return the shape of the products of two matrices, or of two batches of them.

    Raises:
        ShapeError: The operands are not such, or the addend does not broadcast to the products.
    """
    a, b = np.asarray(left.storage), np.asarray(right.storage)
    matches = a.ndim == b.ndim in (2, 3) and a.shape[:-2] == b.shape[:-2]
    if not (matches and a.shape[-1] == b.shape[-2]):
        raise ShapeError(
            f"{operation} takes shapes (n, k) and (k, m), or batches of them; got {a.shape} and"
            f" {b.shape}"
        )
    shape = (*a.shape[:-1], b.shape[-1])
    if c is not None:
        try:
            np.broadcast_to(c.storage, shape)
        except ValueError:
            raise ShapeError(
                f"{operation} takes addends that broadcast to {shape}, got {c.storage.shape}"
            ) from None
    return shape
