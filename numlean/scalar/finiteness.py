"""Which numbers of a Scalar are finite, without an operation of it where the storage tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from numlean.scalar.innermost import innermost
from numlean.scalar.protocol import Scalar, Storage

Booleans: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Specials:
    """How many of some numbers are not finite.

    Attributes:
        count: The count of all numbers.
        nan: The count of NaNs.
        inf: The count of infinities.
    """

    count: int = 0
    nan: int = 0
    inf: int = 0

    def __add__(self, other: Specials) -> Specials:
        return Specials(self.count + other.count, self.nan + other.nan, self.inf + other.inf)

    @property
    def nonfinite(self) -> int:
        """The count of numbers that are not finite."""
        return self.nan + self.inf

    def __str__(self) -> str:
        found = {"NaN": self.nan, "infinite": self.inf}
        kinds = " and ".join(f"{count:,} {kind}" for kind, count in found.items() if count)
        return f"{kinds or 'none'} of {self.count:,}"


def is_nan(scalar: Scalar, x: Storage) -> Booleans:
    """Return where numbers are NaNs, also in an arithmetic whose NaN equals itself."""
    inner: Any = innermost(scalar)
    found = inner.is_nan(x) if hasattr(inner, "is_nan") else ~scalar.eq(x, x)
    return np.asarray(found)


def is_finite(scalar: Scalar, x: Storage) -> Booleans:
    """Return where numbers are finite."""
    format = scalar.format
    if x.dtype.kind == "f":
        return np.asarray(np.isfinite(x))
    if format is not None and x.dtype == format.storage_dtype:
        return np.asarray(format.is_finite(x))
    return np.asarray(np.isfinite(scalar.to_float(x)) | _is_beyond_binary64(scalar, x))


def all_finite(scalar: Scalar, x: Storage) -> bool:
    """Return whether all numbers are finite."""
    format = scalar.format
    has_order = format is not None and format.is_sign_magnitude
    if has_order and format is not None and x.dtype == format.storage_dtype and x.size:
        magnitudes = x & x.dtype.type(format.magnitude_mask)
        return int(magnitudes.max()) <= format.max_finite
    return bool(is_finite(scalar, x).all())


def specials(scalar: Scalar, x: Storage) -> Specials:
    """Return how many numbers are not finite."""
    nonfinite = ~is_finite(scalar, x)
    count = int(nonfinite.sum())
    nan = int(np.isnan(scalar.to_float(x[nonfinite])).sum()) if count else 0
    return Specials(x.size, nan, count - nan)


def _is_beyond_binary64(scalar: Scalar, x: Storage) -> Booleans:
    """Return where finite numbers are infinite as binary64."""
    from mpmath import isfinite

    z = np.zeros(x.shape, np.bool_)
    infinite = np.isinf(scalar.to_float(x))
    values = scalar.to_exact(np.ascontiguousarray(x[infinite]))
    z[infinite] = [bool(isfinite(value)) for value in values]
    return z
