"""The exact result of an expression, and the error of a computed one in units of the last place."""

from __future__ import annotations

from typing import Final

from mpmath import libmp

from numlean.errors import NumleanError
from numlean.inspection.constants import enclose_constant
from numlean.inspection.enclosures import Enclosure, EnclosureArithmetic, UndecidedError
from numlean.inspection.functions import INTEGRAL, Function
from numlean.inspection.rationals import SignedRational, compute
from numlean.inspection.syntax import CONSTANTS, Call, Encoding, Node, Number
from numlean.scalar import further
from numlean.scalar.dtype import Dtype
from numlean.scalar.exact import Exact, exact_of
from numlean.scalar.parsing import parse_number, rational_of
from numlean.scalar.precision import precision_of
from numlean.scalar.protocol import Scalar, Storage

_GUARD_BITS: Final = 64
_GREATEST_PRECISION: Final = 4096
_WIDEST_NUMBERS: Final = 1 << 14
_SHOWN_BITS: Final = 24
"""Bits to which an error is known before it is shown; more than six decimals take."""


def error_ulp(
    node: Node, scalar: Scalar, result: Storage, to: Scalar | None = None
) -> float | None:
    """Return the distance of a computed result from the exact value of an expression.

    The unit is the last place of the result, or of the exact value if the result is zero. The
    distance of an infinity from a number is infinite. Literals count with their exact value;
    numbers given by their encodings are exact.

    Args:
        node: The expression.
        scalar: The arithmetic that computed it.
        result: The result.
        to: The arithmetic of the result, if it was converted.

    Returns:
        The distance, positive if the result is too great; None if the exact value is unknown
        because it is a NaN, is defined by the format alone, or takes too much work.
    """
    to = to or scalar
    value = exact_of(to.to_exact(result)[0])
    precision = max(precision_of(scalar), precision_of(to))
    if value == libmp.fnan or precision > _WIDEST_NUMBERS:
        return None
    working = precision + _GUARD_BITS
    while working <= max(_GREATEST_PRECISION, 4 * precision):
        try:
            exact = ExactEvaluation(scalar, working).value(node)
        except UndecidedError:
            exact = None
        except (NumleanError, OverflowError, MemoryError):
            return None  # an exponent that is too long to compute with
        if exact is not None:
            found = _distance(to, value, exact)
            if found is not None:
                return found if found == found else None
        working *= 2
    return None


class ExactEvaluation:
    """One walk over an expression in enclosures of the exact values."""

    def __init__(self, scalar: Scalar, working: int) -> None:
        self._scalar = scalar
        self._working = working
        directed = scalar.rounding in ("toward_zero", "toward_positive", "toward_negative")
        rounding = scalar.rounding if directed else _integral_rounding(scalar)
        self._arithmetic = EnclosureArithmetic(working, rounding)
        self._rationals: dict[int, SignedRational | None] = {}

    def value(self, node: Node) -> Enclosure:
        """Return the exact value of an expression.

        Raises:
            UndecidedError: The working precision does not suffice, or nothing does.
        """
        rational = self.rational(node)
        x = self._value(node) if rational is None else rational.enclosure(self._working)
        # Without encodings, an arithmetic has one zero.
        return Enclosure.zero(1) if x.is_zero and self._scalar.format is None else x

    def rational(self, node: Node) -> SignedRational | None:
        """Return the exact value of an expression if rational arithmetic gives it; else None."""
        if id(node) not in self._rationals:
            self._rationals[id(node)] = self._rational_value(node)
        return self._rationals[id(node)]

    def _rational_value(self, node: Node) -> SignedRational | None:
        match node:
            case Number(text) if text not in CONSTANTS:
                value = rational_of(text)
                if value is None:
                    return None
                negative = text.startswith("-") and self._scalar.format is not None
                return SignedRational.of(value, zero_is_negative=negative)
            case Call(function, operands, rounding):
                x = [self.rational(operand) for operand in operands]
                known = [each for each in x if each is not None]
                if len(known) < len(x):
                    return None
                name, direction = self._operation(function, rounding)
                z = self._compute(name, known[: function.arity], direction)
                for further in known[function.arity :]:
                    z = None if z is None else self._compute(name, [z, further], direction)
                return z
        return None

    def _compute(self, name: str, x: list[SignedRational], rounding: str) -> SignedRational | None:
        negative = self._arithmetic.rounding == "toward_negative"
        return compute(name, x, rounding, negative and self._scalar.format is not None)

    def _operation(self, function: Function, rounding: str | None) -> tuple[str, str]:
        """Return the operation that a function is without a format, and its direction."""
        if function.name in INTEGRAL:
            return function.operation, INTEGRAL[function.name]
        is_own = function.compute is None or function.operation in further.ARITIES
        name = function.operation if is_own else function.name
        return name, rounding or self._arithmetic.rounding

    def _value(self, node: Node) -> Enclosure:
        match node:
            case Number(text):
                return self._number(text)
            case Encoding(bits):
                return self._encoded(bits)
            case Call(function, operands, rounding):
                x = [self.value(operand) for operand in operands]
                name, direction = self._operation(function, rounding)
                z = self._arithmetic.apply(name, *x[: function.arity], rounding=direction)
                for further in x[function.arity :]:
                    z = self._arithmetic.apply(name, z, further)
                return z

    def _number(self, text: str) -> Enclosure:
        if text in CONSTANTS:
            return Enclosure(*enclose_constant(text, self._working))
        number = parse_number(text, self._working, has_format=False)
        if number.value[1] or number.nan or number.value in (libmp.finf, libmp.fninf):
            return Enclosure(*number.enclosure(self._working))
        return Enclosure.zero(-1 if number.negative else 1)

    def _encoded(self, bits: int) -> Enclosure:
        x = self._scalar.from_bits([bits])
        value = exact_of(self._scalar.to_exact(x)[0])
        format = self._scalar.format
        negative = format is not None and bool(bits & format.sign_mask)
        return Enclosure.point(value, negative_zero=negative)


def _integral_rounding(scalar: Scalar) -> str:
    own = ("ties_to_away", "to_odd", "away_from_zero")
    return scalar.rounding if scalar.rounding in own else "ties_to_even"


def _distance(scalar: Scalar, value: Exact, exact: Enclosure) -> float | None:
    """Return the distance in units of the last place; None if the enclosure is too wide for it.

    NaN stands for no distance.
    """
    if exact.is_nan:
        return float("nan")
    if exact.is_infinite or not value.is_finite:
        difference = 0.0 if exact.is_point and exact.low == value else float("inf")
        above = libmp.mpf_lt(exact.high, value)
        return difference if above or not difference else -difference
    place = last_place(scalar, value if value.significand else Exact(*exact.high))
    if place is None:
        return 0.0 if exact.is_zero else float("nan")
    ends = [
        libmp.mpf_shift(libmp.mpf_sub(value, end, _GUARD_BITS, "n"), -place)
        for end in (exact.high, exact.low)
    ]
    width = libmp.mpf_shift(exact.width, -place)
    negligible = libmp.mpf_shift(libmp.fone, -2 * _SHOWN_BITS)
    size = libmp.mpf_shift(libmp.mpf_abs(ends[0]), -_SHOWN_BITS)
    if not libmp.mpf_le(width, size):
        if libmp.mpf_lt(negligible, width):
            return None
        return 0.0
    return float(libmp.to_float(ends[0])) + 0.0  # without the sign of a zero


def last_place(scalar: Scalar, value: Exact) -> int | None:
    """Return the e of 2**e, the unit in the last place of a value; None if there is none."""
    format = scalar.format
    if format is not None:
        lead = value.leading_exponent if value.significand else format.emin
        return max(min(lead, format.emax), format.emin) - format.trailing_bits
    if Dtype.parse(scalar.reference_dtype).name != "mp" or not value.significand:
        return None
    return value.leading_exponent - precision_of(scalar) + 1
