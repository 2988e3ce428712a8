"""A test of stochastic rounding for bias: the share of results that were rounded up.

A result between two neighbours should be rounded up with the probability of its distance from the
lower one, in units of their distance. The mean of N samples is further away than five of its
standard errors once in two million tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt, sqrt
from typing import Final

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar.contract import reset_stream
from numlean.scalar.entering import enter
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import get_scalar

BATCH: Final = 1 << 20
TOLERANCE: Final = 5.0
"""The number of standard errors that a mean may be off."""

_WORD_BITS: Final = 63
"""Bits of a significand before it is rounded; lower bits do not affect the probability."""


def _root(q: Fraction) -> Fraction:
    # A hundred bits; the rounding error is far below any statistical error.
    return Fraction(isqrt(q.numerator * q.denominator << 200), q.denominator << 100)


_EXACT: Final[dict[str, Callable[..., Fraction]]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "sqrt": _root,
    "fma": lambda a, b, c: a * b + c,
}


@dataclass(frozen=True)
class Case:
    """An operation on numbers, each first rounded to the format."""

    operation: str
    operands: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.operation}({', '.join(f'{x:g}' for x in self.operands)})"


CASES: Final = (
    Case("add", (1.0, 2.0**-10)),
    Case("add", (3.0, -7.3e-3)),
    Case("sub", (1.0, 0.3)),
    Case("mul", (1.1, 1.7)),
    Case("mul", (-(2.0**-70), 2.0**-62 * 1.3)),
    Case("div", (1.0, 3.0)),
    Case("div", (-5.0, 7.0)),
    Case("sqrt", (2.0,)),
    Case("fma", (1.1, 1.3, -1.0)),
)
"""Results far from and near to a neighbour, of both signs, one subnormal in binary32."""


@dataclass(frozen=True)
class Bias:
    """The statistics of one case.

    Attributes:
        samples: The number of times it was rounded.
        probability: The probability of the upper neighbour; 1 if the result is exact.
        share: The share of samples that were rounded up.
        resolution: The precision of probabilities with the format's random bits.
        strays: The number of results that were neither neighbour.
    """

    samples: int
    probability: float
    share: float
    resolution: float
    strays: int

    @property
    def deviation(self) -> float:
        """Return the share minus the probability in standard errors; infinite if impossible."""
        off = abs(self.share - self.probability)
        error = sqrt(self.probability * (1 - self.probability) / self.samples)
        beyond = max(0.0, off - self.resolution)
        return beyond / error if error else (float("inf") if beyond else 0.0)

    @property
    def is_unbiased(self) -> bool:
        """Return whether chance explains the deviation."""
        return self.strays == 0 and self.deviation <= TOLERANCE


def bias(
    dtype: str, case: Case, samples: int, *, on_batch: Callable[[int], None] | None = None
) -> Bias:
    """Round one case many times.

    Args:
        dtype: A dtype that rounds stochastically.
        case: The operation and its operands.
        samples: The number of times.
        on_batch: A function that is called from time to time with the number of samples so far.

    Raises:
        UnavailableError: The dtype does not round stochastically.
    """
    scalar = reset_stream(get_scalar(dtype))
    if scalar.is_deterministic or scalar.format is None:
        raise UnavailableError(
            f"{dtype} rounds {scalar.rounding}; bias is measured for round=stochastic only"
        )
    one = [enter(scalar, np.array([v])) for v in case.operands]
    exact = _EXACT[case.operation](*(_value(scalar, a) for a in one))
    lower, upper = _neighbours(scalar, exact)
    below, above = _value(scalar, lower), _value(scalar, upper)
    drawn = went_up = went_down = 0
    while drawn < samples:
        count = min(BATCH, samples - drawn)
        z: Storage = getattr(scalar, case.operation)(*(np.repeat(a, count) for a in one))
        went_up += int(np.count_nonzero(scalar.eq(z, upper)))
        went_down += int(np.count_nonzero(scalar.eq(z, lower))) if below < above else 0
        drawn += count
        if on_batch is not None:
            on_batch(drawn)
    return Bias(
        samples=drawn,
        probability=float((exact - below) / (above - below)) if below < above else 1.0,
        share=went_up / drawn,
        resolution=2.0 ** (scalar.format.precision - _WORD_BITS),
        strays=drawn - went_up - went_down,
    )


def _value(scalar: Scalar, a: Storage) -> Fraction:
    return Fraction(scalar.to_float(a).item())


def _neighbours(scalar: Scalar, exact: Fraction) -> tuple[Storage, Storage]:
    """Return the greatest number at most ``exact`` and the least at least ``exact``."""
    near = enter(scalar, np.array([float(exact)]))
    if _value(scalar, near) == exact:
        return near, near
    if _value(scalar, near) < exact:
        return near, scalar.next_up(near)
    return scalar.next_down(near), near
