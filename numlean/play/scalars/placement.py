"""Where an exact value lies between a result and its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mpmath import libmp

from numlean.play.scalars.detail import Detail, Neighbour
from numlean.play.scalars.truth import Truth
from numlean.scalar.code_fields import codec_of
from numlean.scalar.conversion import INFINITE
from numlean.scalar.dtype import Dtype
from numlean.scalar.exact import Exact
from numlean.scalar.protocol import Scalar
from numlean_kernels.logarithmic.formats import LogArithmetic
from numlean_kernels.tables.tapered import exact_decoder
from numlean_kernels.tapered.formats import Posit, Takum

_PRECISION: Final = 80
_NEAREST: Final = ("ties_to_even", "ties_to_away")


@dataclass(frozen=True)
class Placement:
    """Positions on a line, where the number below is at 0 and the one above at 1.

    Attributes:
        value: The position of the result.
        below: Whether there is a finite number below; else 0 is as far from the result as 1.
        above: Whether there is a finite number above; else 1 is as far from the result as 0.
        boundaries: The positions at which rounding to nearest turns.
        exact: The position of the exact value, which may be beyond the line; None if unknown.
    """

    value: float
    below: bool
    above: bool
    boundaries: tuple[float, ...]
    exact: float | None


def placement(scalar: Scalar, result: Detail, truth: Truth | None) -> Placement | None:
    """Return where an exact value lies; None if the result is not finite or has no neighbours."""
    if not result.exact_value.is_finite:
        return None
    below, above = _finite(result.below), _finite(result.above)
    if below is None and above is None:
        return None
    here = result.exact_value
    start = below.exact if below else _mirrored(here, above)
    end = above.exact if above else _mirrored(here, below)
    extent = Exact(*libmp.mpf_sub(end, start, _PRECISION, "n"))

    def position(value: Exact) -> float:
        distance = libmp.mpf_sub(value, start, _PRECISION, "n")
        quotient = libmp.mpf_div(distance, extent, _PRECISION, "n")
        if quotient[1] and quotient[2] + quotient[3] > 64:
            return float("-inf") if quotient[0] else float("inf")
        return float(libmp.to_float(quotient))

    turns = list[Exact]()
    if scalar.rounding in _NEAREST:
        found = (
            _boundary(scalar, below, result)
            if below
            else _overflow(scalar, result.below, here, start),
            _boundary(scalar, result, above)
            if above
            else _overflow(scalar, result.above, here, end),
        )
        turns = [turn for turn in found if turn is not None]
    exact = None
    if truth is not None and truth.low != libmp.fnan:
        infinite = float("-inf") if truth.low == libmp.fninf else float("inf")
        exact = position(truth.low) if truth.low.is_finite else infinite
    return Placement(
        position(here), below is not None, above is not None, tuple(map(position, turns)), exact
    )


def _finite(side: Neighbour | None) -> Neighbour | None:
    return side if side is not None and side.exact.is_finite else None


def _mirrored(here: Exact, side: Neighbour | None) -> Exact:
    """Return the point that is as far from a number as its neighbour, on the other side."""
    assert side is not None
    return Exact(*libmp.mpf_sub(libmp.mpf_shift(here, 1), side.exact, _PRECISION, "n"))


def _overflow(scalar: Scalar, side: Neighbour | None, here: Exact, beyond: Exact) -> Exact | None:
    """Return where results become infinite; None if they do not (IEEE 754-2019, clause 4.3.1).

    It is half a unit of the last place beyond the greatest number.
    """
    usual = scalar.format.usual_overflow if scalar.format is not None else ""
    choice = Dtype.parse(scalar.name).options.get("overflow", usual)
    return _middle(here, beyond) if side is not None and choice == INFINITE else None


def _middle(low: Exact, high: Exact) -> Exact:
    total = libmp.mpf_add(low, high, 2 * _PRECISION + 64, "n")
    return Exact(*libmp.mpf_shift(total, -1))


def _boundary(scalar: Scalar, low: Detail | Neighbour, high: Detail | Neighbour) -> Exact | None:
    """Return the value at which rounding to nearest turns between two adjacent numbers."""
    below, above = (x.exact_value if isinstance(x, Detail) else x.exact for x in (low, high))
    codec = codec_of(scalar)
    match getattr(codec, "codes", None), getattr(codec, "arithmetic", None):
        case Posit() | Takum() as format, _:
            # The string of bits is rounded, so it turns at the string with a one appended; a
            # number that is not zero never becomes zero.
            if not (below.significand and above.significand):
                return None
            assert low.code is not None
            return _appended(format, low.code)
        case _, LogArithmetic():
            # L is rounded, which turns at the geometric mean.
            if not (below.significand and above.significand):
                return None
            product = libmp.mpf_mul(below, above, _PRECISION, "n")
            root = Exact(*libmp.mpf_sqrt(product, _PRECISION, "n"))
            return Exact(*libmp.mpf_neg(root)) if below.sign else root
    return _middle(below, above)


def _appended(format: Posit | Takum, code: int) -> Exact | None:
    longer = (
        Posit(format.width + 1, format.exponent_size)
        if isinstance(format, Posit)
        else Takum(format.width + 1)
    )
    return Exact(*libmp.from_man_exp(*exact_decoder(longer)(code << 1 | 1)))
