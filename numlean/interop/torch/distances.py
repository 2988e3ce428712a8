"""How far two arrays of one format are apart, number by number."""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean.analysis.lockstep.comparison import Mask
from numlean.scalar.protocol import Scalar, Storage


def differing(scalar: Scalar, x: Storage, y: Storage) -> Mask:
    """Where two arrays differ, by their encodings; every NaN is one number."""
    if x.dtype != scalar.storage_dtype:
        return np.asarray(x != y)
    mask: Mask = np.asarray(scalar.to_bits(x) != scalar.to_bits(y))
    return mask & ~(_is_nan(scalar, x) & _is_nan(scalar, y))


def ulps(scalar: Scalar, x: Storage, y: Storage) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How many numbers of the format are between those of two arrays; inf at a lone NaN.

    Zeros of two signs are one number; numbers that are not the Scalar's are no ulps apart.
    """
    if x.dtype != scalar.storage_dtype:
        return np.zeros(x.shape)
    steps = np.abs(_ordinals(scalar, x) - _ordinals(scalar, y)).astype(np.float64)
    is_nan, is_other_nan = _is_nan(scalar, x), _is_nan(scalar, y)
    return np.where(is_nan & is_other_nan, 0.0, np.where(is_nan | is_other_nan, np.inf, steps))


def _ordinals(scalar: Scalar, x: Storage) -> np.ndarray[Any, np.dtype[np.object_]]:
    """The places of numbers among all of the format, as integers of any size; zeros are 0."""
    assert scalar.format is not None
    bits = scalar.to_bits(x).astype(object)
    magnitudes = np.asarray(bits & scalar.format.magnitude_mask)
    return np.where(bits & scalar.format.sign_mask != 0, -magnitudes, magnitudes)


def _is_nan(scalar: Scalar, x: Storage) -> Mask:
    return ~np.asarray(scalar.eq(x, x))
