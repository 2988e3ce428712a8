"""Constants of the elementary functions in limbs, as binary fractions: rows of words.

A row has ``row_limbs(n)`` words for numbers of n limbs, the lowest first. A computation with fewer
takes those at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from mpmath import libmp

LN2: Final = 0
"""The row of log(2)."""
PER_LN2: Final = 1
"""The row of the fraction of 1 / log(2), which is one more."""
PER_LN10: Final = 2
"""The row of 1 / log(10)."""
EXPONENTIALS: Final = 3
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

TWO_BY_PI: Final = 0
"""The row of 2 / pi, of the constants of angles."""
ARCTANGENTS: Final = 1
"""The rows of atan(i / 2**8) for i up to 2**8."""
QUARTER_PI: Final = ARCTANGENTS + BYTE
SINES: Final = ARCTANGENTS + BYTE + 1
"""The rows of sin(i / 2**8) for i < 2**8, then of 1 - cos(i / 2**8), then the same with 2**16."""
ANGLE_SERIES: Final = SINES + 4 * BYTE
"""The rows of 1 / k! from k = 2; after ``terms`` of them those of 1 / (2 * k + 1) from k = 1."""

ANGLE_BITS: Final = 16
"""Bits that a factor of the series of sin and cos gains, and one of atan."""


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
    return _constants(limbs, _values, EXP_BITS)


@cache
def angle_constants_of(limbs: int) -> Constants:
    """Return the constants of trigonometric functions and arctangents; they are made once."""
    return _constants(limbs, _angles, ANGLE_BITS)


def _constants(
    limbs: int, values: Callable[[int, int], Iterator[int]], term_bits: int
) -> Constants:
    count = row_limbs(limbs)
    terms = 64 * count // term_bits + 2
    words = [list(_words(value, count)) for value in values(64 * count, terms)]
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
    for base, whole in ((2, 1), (10, 0)):
        log = libmp.mpf_log(libmp.from_int(base), working, "n")
        yield fixed(libmp.mpf_div(libmp.fone, log, working, "n")) - (whole << bits)
    for places in (8, 16, 24):
        for i in range(BYTE):
            power = libmp.mpf_exp(libmp.from_man_exp(i, -places), working, "n")
            yield fixed(libmp.mpf_sub(power, libmp.fone))
    yield from (log_of(a, 9) for a in range(FIRST_LEAST, FIRST_MOST + 1))
    yield from (log_of(b, 17) for b in range(SECOND_LEAST, SECOND_MOST + 1))
    yield from _series(bits, terms)


def _angles(bits: int, terms: int) -> Iterator[int]:
    """Yield each constant of angles as a fraction of 2**bits."""
    working = bits + 32

    def fixed(value: Any) -> int:
        return int(libmp.to_fixed(value, bits))

    pi = libmp.mpf_pi(working)
    yield fixed(libmp.mpf_div(libmp.from_int(2), pi, working, "n"))
    for i in range(BYTE + 1):
        yield fixed(libmp.mpf_atan(libmp.from_man_exp(i, -8), working, "n"))
    for places in (8, 16):
        angles = [libmp.from_man_exp(i, -places) for i in range(BYTE)]
        pairs = [libmp.mpf_cos_sin(angle, working, "n") for angle in angles]
        yield from (fixed(sine) for _, sine in pairs)
        yield from (fixed(libmp.mpf_sub(libmp.fone, cosine)) for cosine, _ in pairs)
    yield from _series(bits, terms)


def _series(bits: int, terms: int) -> Iterator[int]:
    """Yield 1 / k! from k = 2, then 1 / (2 * k + 1) from k = 1, rounded down."""
    whole = 1 << bits
    factorial = 1
    for k in range(2, terms + 2):
        factorial *= k
        yield whole // factorial
    yield from (whole // (2 * k + 1) for k in range(1, terms + 1))
