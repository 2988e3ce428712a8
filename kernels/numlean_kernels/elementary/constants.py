"""Fixed-point constants, computed when a routine is made and not before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np

Real: TypeAlias = Any
"""An ``mpf`` of mpmath."""

_BITS: Final = 320
"""The working precision: more than twice that of any constant."""


@cache
def context() -> Any:
    """Return a context of mpmath that no other code changes."""
    # mpmath is slow to import, and most runs need no elementary function.
    import mpmath

    private = mpmath.MPContext()
    private.prec = _BITS
    return private


def units(value: Real, bits: int) -> int:
    """Return the value in units of ``2**-bits``, rounded to nearest."""
    return int(context().nint(context().ldexp(value, bits)))


def units_cut(value: Callable[[], Real], bits: int) -> int:
    """Return a positive value in units of ``2**-bits``, cut, computed with 64 extra bits."""
    mp = context()
    with mp.workprec(bits + 64):
        return int(mp.floor(mp.ldexp(value(), bits)))


def words(values: Sequence[int]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return integers as a table of words, negative ones in two's complement."""
    return np.array([value % (1 << 64) for value in values], dtype=np.uint64)


def pairs(values: Sequence[int]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return integers of 128 bits as tables of their upper and of their lower words."""
    return words([value >> 64 for value in values]), words(list(values))


def fractions(count: int, value: Callable[[int], Real], bits: int = 64) -> list[int]:
    """Return ``value(0)`` to ``value(count - 1)`` in units of ``2**-bits``."""
    return [units(value(k), bits) for k in range(count)]
