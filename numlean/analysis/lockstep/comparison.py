"""Where arrays of two arithmetics hold different numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.tensor import Tensor
from numlean.scalar.protocol import Scalar, Storage

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

Differing: TypeAlias = Callable[[Scalar, Storage, Scalar, Storage], Mask]
"""Where two arrays of one shape, each of its Scalar, differ."""


def differing_bits(a: Scalar, x: Storage, b: Scalar, y: Storage) -> Mask:
    """Where the encodings differ; the Scalars have one format."""
    different: Mask = np.asarray(a.to_bits(x) != b.to_bits(y))
    return different


def differing_values(a: Scalar, x: Storage, b: Scalar, y: Storage) -> Mask:
    """Where the exact real values differ; -0 is +0, and every NaN is one number."""
    floats, others = a.to_float(x), b.to_float(y)
    is_nan = np.isnan(floats)
    equal = (floats == others) | (is_nan & np.isnan(others))
    # What rounds to one binary64 number may still be two numbers, unless both are binary64.
    unsure = equal & ~is_nan & ~(_is_binary64(a, x, floats) & _is_binary64(b, y, others))
    different: Mask = ~np.asarray(equal)
    if unsure.any():
        different = np.array(different)
        different[unsure] = a.to_exact(x[unsure]) != b.to_exact(y[unsure])
    return different


def comparison_of(a: Scalar, b: Scalar) -> Differing:
    """How numbers of two Scalars compare: by encodings within a format, else by values."""
    return differing_bits if compares_bits(a, b) else differing_values


def compares_bits(a: Scalar, b: Scalar) -> bool:
    """Whether two Scalars have one format."""
    return a.format is not None and a.format == b.format


def first_difference(a: Tensor, b: Tensor) -> tuple[int, ...] | None:
    """The first place, in C order, at which two tensors of one shape differ."""
    x, y = a.data, b.data
    if x is y:
        return None
    if a.scalar is INDEX:
        return first_place(np.asarray(x != y))
    return first_place(comparison_of(a.scalar, b.scalar)(a.scalar, x, b.scalar, y))


def are_same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors of one shape have no difference; quicker than to find the first one."""
    if a.scalar is not INDEX and compares_bits(a.scalar, b.scalar):
        return a.scalar.to_bytes(a.data) == b.scalar.to_bytes(b.data)
    return first_difference(a, b) is None


def first_place(different: Mask) -> tuple[int, ...] | None:
    """The first place, in C order, that a mask marks."""
    if not different.any():
        return None
    return tuple(int(k) for k in np.unravel_index(int(different.argmax()), different.shape))


def _is_binary64(scalar: Scalar, x: Storage, floats: np.ndarray[Any, Any]) -> Any:
    """Where numbers are their own conversion to binary64; every format of ours embeds in it."""
    return True if scalar.format is not None else scalar.eq(scalar.from_float(floats), x)
