"""Positions at which arrays of two arithmetics hold different numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.scalar.protocol import Scalar, Storage

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

Differing: TypeAlias = Callable[[Scalar, Storage, Scalar, Storage], Mask]
"""Return where two arrays of the same shape, each of its Scalar, differ."""


def differing_bits(a: Scalar, x: Storage, b: Scalar, y: Storage) -> Mask:
    """Return where the encodings differ; the Scalars have the same format."""
    different: Mask = np.asarray(a.to_bits(x) != b.to_bits(y))
    return different


def differing_values(a: Scalar, x: Storage, b: Scalar, y: Storage) -> Mask:
    """Return where exact values differ; -0 equals +0, and all NaNs are equal."""
    floats, others = a.to_float(x), b.to_float(y)
    is_nan = np.isnan(floats)
    equal = (floats == others) | (is_nan & np.isnan(others))
    # Different numbers may round to the same binary64 number, unless both are binary64.
    unsure = equal & ~is_nan & ~(_is_binary64(a, x, floats) & _is_binary64(b, y, others))
    different: Mask = ~np.asarray(equal)
    if unsure.any():
        different = np.array(different)
        different[unsure] = a.to_exact(x[unsure]) != b.to_exact(y[unsure])
    return different


def comparison_of(a: Scalar, b: Scalar) -> Differing:
    """Return how numbers of two Scalars compare: by encodings within a format, else by values."""
    return differing_bits if compares_bits(a, b) else differing_values


def compares_bits(a: Scalar, b: Scalar) -> bool:
    """Return whether two Scalars have the same format."""
    return a.format is not None and a.format == b.format


def first_difference(a: Tensor, b: Tensor) -> tuple[int, ...] | None:
    """Return the first index, in C order, at which two tensors of a shape differ."""
    x, y = a.data, b.data
    if x is y:
        return None
    if a.scalar is INDEX:
        return first_place(np.asarray(x != y))
    return first_place(comparison_of(a.scalar, b.scalar)(a.scalar, x, b.scalar, y))


def are_same(a: Tensor, b: Tensor) -> bool:
    """Return whether two tensors of a shape are equal; faster than finding a difference."""
    if a.scalar is not INDEX and compares_bits(a.scalar, b.scalar):
        return a.scalar.to_bytes(a.data) == b.scalar.to_bytes(b.data)
    return first_difference(a, b) is None


def first_place(different: Mask) -> tuple[int, ...] | None:
    """Return the first index, in C order, that a mask marks."""
    if not different.any():
        return None
    return tuple(int(k) for k in np.unravel_index(int(different.argmax()), different.shape))


def _is_binary64(scalar: Scalar, x: Storage, floats: np.ndarray[Any, Any]) -> Any:
    """Return where numbers convert to binary64 exactly; every encoded format does."""
    return True if scalar.format is not None else scalar.eq(scalar.from_float(floats), x)
