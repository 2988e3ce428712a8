"""Distances between two arrays of one format, number by number."""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean.analysis.lockstep.comparison import Mask
from numlean.analysis.lockstep.growth import norm
from numlean.scalar.finiteness import is_nan
from numlean.scalar.protocol import Scalar, Storage


def differing(scalar: Scalar, x: Storage, y: Storage) -> Mask:
    """Return where the encodings of two arrays differ; all NaNs are equal."""
    if x.dtype != scalar.storage_dtype:
        return np.asarray(x != y)
    mask: Mask = np.asarray(scalar.to_bits(x) != scalar.to_bits(y))
    return mask & ~(is_nan(scalar, x) & is_nan(scalar, y))


def ulps(scalar: Scalar, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the number of format steps between the numbers of two arrays; inf if one is NaN.

    Zeros of both signs are equal; for arrays that are not the Scalar's, all distances are 0.
    """
    if x.dtype != scalar.storage_dtype:
        return np.zeros(x.shape)
    steps = np.abs(_ordinals(scalar, x) - _ordinals(scalar, y)).astype(np.float64)
    one, other = is_nan(scalar, x), is_nan(scalar, y)
    return np.where(one & other, 0.0, np.where(one | other, np.inf, steps))


def relative_difference(scalar: Scalar, *pair: Storage) -> float:
    """Return the norm of the difference of two arrays, divided by the greater norm of both.

    Numbers that are not finite in one of them are left out; for arrays that are not the Scalar's,
    it is 0.
    """
    if any(x.dtype != scalar.storage_dtype for x in pair):
        return 0.0
    x, y = (scalar.to_float(np.ascontiguousarray(each)) for each in pair)
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    difference = norm([x - y])
    return difference / max(norm([x]), norm([y])) if difference else 0.0


def _ordinals(scalar: Scalar, x: Storage) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Return the positions of numbers in the format, as integers of any size; zeros are 0."""
    assert scalar.format is not None
    bits = scalar.to_bits(x).astype(object)
    magnitudes = np.asarray(bits & scalar.format.magnitude_mask)
    return np.where(bits & scalar.format.sign_mask != 0, -magnitudes, magnitudes)
