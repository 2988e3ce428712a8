"""The Hadamard transform of NVFP4's recipe, along the contracted axis."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np

from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.record import recorded_like
from numlean.scalar.registry import get_scalar

GROUP: Final = 16
"""The numbers that are transformed together."""

_SIGNS: Final = (1, 1, 1, -1, 1, -1, -1, -1, -1, -1, -1, 1, -1, 1, -1, -1)
"""The signs that TransformerEngine's reference fixes."""

_NARROW: Final = "bfloat16"


@cache
def matrix() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return (1/4) diag(d) H, where H is Sylvester's matrix and d are the signs: orthogonal."""
    indices = np.arange(GROUP)
    odd = [[int(i & j).bit_count() % 2 for j in indices] for i in indices]
    return np.asarray(np.array(_SIGNS)[:, np.newaxis] * (1 - 2 * np.array(odd)) / 4)


def transformed(wide: Scalar, v: Storage) -> Storage:
    """Return each group of 16 along the last axis, as a row, times the matrix.

    Numbers are rounded to bfloat16, products and sums computed in ``wide``, k ascending, and
    rounded to bfloat16 once. A length that 16 does not divide is padded with zeros, in the result
    too: both operands of a product are, so their sums are the same.
    """
    narrow = recorded_like(wide, get_scalar(_NARROW, wide.device))
    whole = (*v.shape[:-1], -(-v.shape[-1] // GROUP) * GROUP)
    x = wide.cast_from(narrow, narrow.cast_from(wide, v))
    if whole != v.shape:
        x = wide.pad(x, whole, tuple(slice(extent) for extent in v.shape))
    rows = wide.matmul(x.reshape(-1, GROUP), wide.from_float(matrix()))
    return wide.cast_from(narrow, narrow.cast_from(wide, rows)).reshape(whole)
