"""The exact value of an expression, and the error of a result."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from mpmath import libmp

from numlean.errors import NumleanError
from numlean.inspection.digits import all_digits
from numlean.inspection.enclosures import Enclosure, UndecidedError
from numlean.inspection.syntax import Node
from numlean.inspection.truth import ExactEvaluation, last_place
from numlean.play.scalars.detail import Detail
from numlean.scalar.decimals import DecimalDigits, first_digits
from numlean.scalar.exact import Exact
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar

_GUARD_BITS: Final = 160
_GREATEST: Final = 2048
_KNOWN_BITS: Final = 100
"""Bits beyond the precision to which a value is known before it is shown."""

_DIGITS: Final = 40
_LONGEST: Final = 200
_PRECISION: Final = 80


@dataclass(frozen=True)
class Truth:
    """The exact value of an expression.

    Attributes:
        low: The value, or a number that is not above it, by much less than a unit of the last
            place.
        is_exact: Whether ``low`` is the value.
        fraction: The value, if it is rational and short.
    """

    low: Exact
    is_exact: bool
    fraction: Fraction | None

    def decimal(self) -> str:
        """Return the decimal; "..." stands for further digits."""
        if not self.low.significand:
            names = {libmp.fnan: "nan", libmp.finf: "inf", libmp.fninf: "-inf"}
            return names.get(tuple(self.low), "0.0")
        if self.is_exact:
            return all_digits(self.low)
        if self.fraction is not None:
            return _decimal_of(self.fraction)
        return f"{first_digits(self.low, _DIGITS)}..."

    def fraction_text(self) -> str | None:
        """Return the value as a fraction; None if it is an integer, not rational, or long."""
        if self.fraction is None or self.fraction.denominator == 1:
            return None
        bits = abs(self.fraction.numerator).bit_length() + self.fraction.denominator.bit_length()
        return None if bits > _LONGEST else f"{self.fraction}".replace("/", " / ")


def _decimal_of(value: Fraction) -> str:
    """Return a fraction as a decimal with all digits, or with the first ones and "..."."""
    size = abs(value)
    # A power of ten at most one place away from the first digit.
    lead = (size.numerator.bit_length() - size.denominator.bit_length()) * 1233 // 4096
    places = _DIGITS - lead
    digits, rest = divmod(size.numerator * 10 ** max(places, 0), size.denominator)
    if places < 0:
        digits, low = divmod(digits, 10**-places)
        rest = rest or low
    return f"{DecimalDigits.of(value < 0, digits, places)}{'...' if rest else ''}"


def truth_of(node: Node, scalar: Scalar) -> Truth | None:
    """Return the exact value of an expression; None if it is unknown.

    It is if it is defined by the format alone, or takes too much work.

    Args:
        node: The expression.
        scalar: The arithmetic of its encodings, and of the sign of its zeros.
    """
    wanted = precision_of(scalar) + _KNOWN_BITS
    working = wanted + _GUARD_BITS
    while working <= max(_GREATEST, 2 * wanted + _GUARD_BITS):
        evaluation = ExactEvaluation(scalar, working)
        try:
            found = evaluation.value(node)
        except UndecidedError:
            working *= 2
            continue
        except (NumleanError, OverflowError, MemoryError):
            return None  # an exponent that is too long to compute with
        if _is_narrow(found, wanted):
            rational = evaluation.rational(node)
            fraction = None if rational is None else rational.value
            return Truth(Exact(*found.low), found.is_point, fraction)
        working *= 2
    return None


def _is_narrow(found: Enclosure, bits: int) -> bool:
    if found.is_point or found.is_nan:
        return True
    size = libmp.mpf_shift(libmp.mpf_abs(found.low), -bits)
    return bool(libmp.mpf_le(found.width, size))


@dataclass(frozen=True)
class Error:
    """The error of a result.

    Attributes:
        relative: The magnitude of the distance from the exact value, relative to it; None if the
            exact value is zero.
        ulps: The distance in units of the last place, positive if the result is too great; of an
            arithmetic without them in distances to the next number, or None.
        unit: What ``ulps`` counts: ``ulp`` or ``gap``.
    """

    relative: float | None
    ulps: float | None
    unit: str


def error_of(scalar: Scalar, result: Detail, truth: Truth | None) -> Error | None:
    """Return the error of a result; None where it is unknown, or there is none, as of a NaN."""
    if truth is None:
        return None
    value, exact = result.exact_value, truth.low
    if libmp.fnan in (value, exact):
        return None
    if not (value.is_finite and exact.is_finite):
        if value == exact:
            return Error(0.0, 0.0, "ulp")
        is_less = libmp.mpf_lt(value, exact)
        return Error(float("inf"), float("-inf") if is_less else float("inf"), "ulp")
    distance = Exact(*libmp.mpf_sub(value, exact, _PRECISION, "n"))
    relative = abs(_quotient(distance, exact)) if exact.significand else None
    place = last_place(scalar, value if value.significand else exact)
    if place is not None:
        return Error(relative, _as_float(libmp.mpf_shift(distance, -place)), "ulp")
    return Error(relative, _in_gaps(result, distance), "gap")


def _in_gaps(result: Detail, distance: Exact) -> float | None:
    if not distance.significand:
        return 0.0
    sides = (result.above, result.below) if distance.sign else (result.below, result.above)
    for side in sides:
        if side is not None and side.exact.is_finite:
            gap = libmp.mpf_abs(libmp.mpf_sub(side.exact, result.exact_value, _PRECISION, "n"))
            return _quotient(distance, Exact(*gap))
    return None


def _quotient(x: Exact, y: Exact) -> float:
    return _as_float(libmp.mpf_div(x, y, _PRECISION, "n"))


def _as_float(value: tuple[int, int, int, int]) -> float:
    """Return a value as a float: an infinity or zero where it is beyond the range."""
    try:
        return float(libmp.to_float(value)) + 0.0
    except OverflowError:
        return float("-inf") if value[0] else float("inf")
