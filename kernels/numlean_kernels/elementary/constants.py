"""Constants of fixed point, computed when a routine is made and not before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np

Real: TypeAlias = Any
"""An ``mpf`` of mpmath's."""

_BITS: Final = 320
"""Working precision: more than twice what any constant is cut to."""


@cache
def context() -> Any:
    """A context of mpmath's that nobody else changes the precision of."""
    # mpmath is costly to import, and most runs need no elementary function.
    import mpmath

    private = mpmath.MPContext()
    private.prec = _BITS
    return private


def units(value: Real, bits: int) -> int:
    """The value in units of ``2**-bits``, rounded to nearest."""
    return int(context().nint(context().ldexp(value, bits)))


def units_cut(value: Callable[[], Real], bits: int) -> int:
    """A positive value, computed at a precision that suffices, in units of ``2**-bits``, cut."""
    mp = context()
    with mp.workprec(bits + 64):
        return int(mp.floor(mp.ldexp(value(), bits)))


def words(values: Sequence[int]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Integers as a table of words, negative ones in two's complement."""
    return np.array([value % (1 << 64) for value in values], dtype=np.uint64)


def pairs(values: Sequence[int]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Integers of 128 bits as tables of their upper and of their lower words."""
    return words([value >> 64 for value in values]), words(list(values))


def fractions(count: int, value: Callable[[int], Real], bits: int = 64) -> list[int]:
    """``value(0)`` to ``value(count - 1)`` in units of ``2**-bits``."""
    return [units(value(k), bits) for k in range(count)]
