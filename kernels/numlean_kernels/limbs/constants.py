"""Constants of the elementary functions in limbs, as binary fractions: rows of words.

A row has ``row_limbs(n)`` words for numbers of n limbs, the lowest first. A computation with fewer
takes those at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from mpmath import libmp

LN2: Final = 0
"""The row of log(2)."""
EXPONENTIALS: Final = 1
"""The rows of exp(i / 2**8) - 1 for i < 2**8, and so on with 2**16 and 2**24."""
BYTE: Final = 256
FIRST_FACTORS: Final = EXPONENTIALS + 3 * BYTE
"""The rows of abs(log(a / 2**9)) for integers a from ``FIRST_LEAST``."""
FIRST_LEAST: Final = 360
FIRST_MOST: Final = 726
SECOND_FACTORS: Final = FIRST_FACTORS + FIRST_MOST - FIRST_LEAST + 1
"""The rows of abs(log(b / 2**17)) for integers b from ``SECOND_LEAST``."""
SECOND_ONE: Final = 1 << 17
SECOND_LEAST: Final = SECOND_ONE - 192
SECOND_MOST: Final = SECOND_ONE + 192
SERIES: Final = SECOND_FACTORS + SECOND_MOST - SECOND_LEAST + 1
"""The rows of 1 / k! from k = 2; after ``terms`` of them those of 1 / (2 * k + 1) from k = 1."""

EXP_BITS: Final = 24
"""Bits that a term of the series of exp gains, next to its factorial."""
LOG_BITS: Final = 36
"""Bits that a term of the series of log gains."""


def row_limbs(limbs: int) -> int:
    """Return the words of a row, for numbers of so many limbs."""
    return 2 * limbs + 5


@dataclass(frozen=True)
class Constants:
    """The constants for numbers of some limbs.

    Attributes:
        rows: The rows.
        terms: The rows of each of the two series.
    """

    rows: np.ndarray[Any, np.dtype[np.uint64]]
    terms: int


@cache
def constants_of(limbs: int) -> Constants:
    """Return the constants for numbers of so many limbs; they are made once."""
    count = row_limbs(limbs)
    terms = 64 * count // EXP_BITS + 2
    words = [list(_words(value, count)) for value in _values(64 * count, terms)]
    return Constants(np.array(words, np.uint64), terms)


def _words(value: int, count: int) -> Iterator[int]:
    for _ in range(count):
        yield value & 0xFFFFFFFFFFFFFFFF
        value >>= 64


def _values(bits: int, terms: int) -> Iterator[int]:
    """Yield each constant as a fraction of 2**bits, rounded down or to a neighbour."""
    working = bits + 32

    def fixed(value: Any) -> int:
        return int(libmp.to_fixed(value, bits))

    def log_of(numerator: int, bits_below: int) -> int:
        value = libmp.from_man_exp(numerator, -bits_below)
        return fixed(libmp.mpf_abs(libmp.mpf_log(value, working, "n")))

    yield fixed(libmp.mpf_ln2(working))
    for places in (8, 16, 24):
        for i in range(BYTE):
            power = libmp.mpf_exp(libmp.from_man_exp(i, -places), working, "n")
            yield fixed(libmp.mpf_sub(power, libmp.fone))
    yield from (log_of(a, 9) for a in range(FIRST_LEAST, FIRST_MOST + 1))
    yield from (log_of(b, 17) for b in range(SECOND_LEAST, SECOND_MOST + 1))
    whole = 1 << bits
    factorial = 1
    for k in range(2, terms + 2):
        factorial *= k
        yield whole // factorial
    yield from (whole // (2 * k + 1) for k in range(1, terms + 1))
