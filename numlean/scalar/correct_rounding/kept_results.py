"""Ways to compute a unary function of codes faster than by an enclosure for each element.

The bits are those of the enclosures. Results of formats of few bits are kept, by operand, for the
life of the process: a function is a table of them. Where many are still to be computed, binary64
decides those that it can: its functions are within a unit of the last place, so the exact value
lies between the neighbours of the result, and if both round to the same number, so does the value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias, final

import numpy as np

from numlean.scalar.codec import Codec, CodesCodec
from numlean.scalar.precision import BINARY64_EXTENT, extent_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar
from numlean.scalar.work_limit import is_below_default

WIDEST: Final = 21
"""The most bits of codes whose results are kept: as many as logarithmic numbers may have."""

FEW: Final = 4096
"""The results of a function that are computed by enclosures before binary64 is asked: its kernel
is compiled first, which takes seconds."""

_TABLES: Final = 64
_EXPONENTS: Final = 1000
"""Results of binary64 beyond two to this power, or its negative, are not used."""

Compute: TypeAlias = Callable[[Storage], Storage]
"""Returns the function of codes, by enclosures."""

_computed: Counter[str] = Counter()


@final
class _Table:
    """The results of a function by operand, as far as they are known."""

    def __init__(self, width: int, dtype: np.dtype[Any]) -> None:
        self.values = np.zeros(1 << width, dtype)
        self.is_known = np.zeros(1 << width, np.bool_)

    def results(self, x: Storage, compute: Compute) -> Storage:
        """Return the results of operands; those that are not known are computed first."""
        missing = np.unique(x[~self.is_known[x]])
        if missing.size:
            self.values[missing] = compute(missing)
            self.is_known[missing] = True
        return self.values[x]


@lru_cache(maxsize=_TABLES)
def _table(codec: Codec, name: str, width: int) -> _Table:
    return _Table(width, codec.storage_dtype)


def results(scalar: Scalar, codec: Codec, name: str, x: Storage, enclose: Compute) -> Storage:
    """Return a unary function of an array of one axis.

    Args:
        scalar: The arithmetic.
        codec: Its conversions.
        name: The function.
        x: Numbers of the Scalar, no NaN.
        enclose: Computes it by enclosures.
    """
    # A lower limit for the work refuses some operands, which must not depend on what is known.
    if not isinstance(codec, CodesCodec) or is_below_default():
        return enclose(x)

    def compute(a: Storage) -> Storage:
        if scalar.device == "python" or _computed[name] + a.size <= FEW:
            _computed[name] += a.size
            return enclose(a)
        return by_binary64(scalar, codec, name, a, enclose)

    if codec.code_width > WIDEST:
        return compute(x)
    return _table(codec, name, codec.code_width).results(x, compute)


def by_binary64(scalar: Scalar, codec: Codec, name: str, x: Storage, enclose: Compute) -> Storage:
    """Return a unary function, by binary64 where that decides the rounding."""
    extent = extent_of(scalar)
    if extent is None or not BINARY64_EXTENT.contains(extent):
        return enclose(x)
    binary64 = get_scalar("float64")
    y = binary64.to_float(binary64.elementary(name, binary64.from_float(codec.to_float(x))))
    with np.errstate(all="ignore"):
        exponents = np.frexp(y)[1]
        is_usual = np.isfinite(y) & (y != 0) & (np.abs(exponents) < _EXPONENTS)
        y = np.where(is_usual, y, 1.0)
        below, above = np.nextafter(y, -np.inf), np.nextafter(y, np.inf)
    z = codec.from_float(below)
    left = ~is_usual | (z != codec.from_float(above))
    if left.any():
        z[left] = enclose(x[left])
    return z
