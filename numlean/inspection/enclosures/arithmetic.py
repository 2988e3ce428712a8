"""The arithmetic of exact results.

An operation of enclosures encloses the operation of every pair of numbers in them. A point, whose
ends are equal, is exact. An operation that the enclosures do not decide, such as a quotient by one
that contains zero, raises ``UndecidedError``; a greater precision may decide it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from mpmath import libmp

from numlean.inspection.enclosures import functions
from numlean.inspection.enclosures.enclosure import (
    LONGEST,
    NAN,
    ZERO,
    Enclosure,
    UndecidedError,
    absolute,
    greatest,
    least,
    negated,
)
from numlean.scalar.checks import round_to_integer
from numlean.scalar.correct_rounding.functions import magnitude
from numlean.scalar.elementary import ARITIES
from numlean.scalar.exact import Exact

_RealOperation: TypeAlias = Callable[..., Exact]


@dataclass(frozen=True)
class EnclosureArithmetic:
    """The operations, at a working precision.

    Attributes:
        working: Bits to which ends are rounded outward.
        rounding: The direction in which integers are rounded where an expression states none.
    """

    working: int
    rounding: str = "ties_to_even"

    def apply(self, operation: str, *x: Enclosure, rounding: str | None = None) -> Enclosure:
        """Return an operation, by its name, of enclosures.

        Raises:
            UndecidedError: The enclosures do not decide it, or it has no value without a format.
        """
        if operation in ARITIES:
            if len(x) == 1:
                return functions.unary(operation, x[0], self.working)
            return functions.binary(operation, x[0], x[1], self.working)
        if operation in _NAN_AWARE:
            return _NAN_AWARE[operation](self, *x)
        if any(each.is_nan for each in x):
            return NAN
        if operation == "round_to_integral":
            return self.round_to_integral(x[0], rounding or self.rounding)
        if operation not in _OPERATIONS:
            raise UndecidedError(f"{operation} has no value without a format")
        return _OPERATIONS[operation](self, *x)

    def add(self, x: Enclosure, y: Enclosure) -> Enclosure:
        """Return x + y; the sign of an exact zero is that of the rounding (clause 6.3)."""
        if x.is_infinite and y.is_infinite and x.low != y.low:
            return NAN
        if x.is_zero and y.is_zero and x.negative_zero == y.negative_zero:
            return x
        low = libmp.mpf_add(x.low, y.low, self.working, "f")
        high = libmp.mpf_add(x.high, y.high, self.working, "c")
        return Enclosure(low, high, self.rounding == "toward_negative" and low == high == ZERO)

    def mul(self, x: Enclosure, y: Enclosure) -> Enclosure:
        """Return x * y."""
        if (x.is_infinite and y.is_zero) or (x.is_zero and y.is_infinite):
            return NAN
        if x.is_zero or y.is_zero:
            return Enclosure.zero(x.sign * y.sign)
        if x.is_infinite or y.is_infinite:
            return Enclosure.infinity(x.sign * y.sign)
        return self._by_corners(libmp.mpf_mul, x, y)

    def div(self, x: Enclosure, y: Enclosure) -> Enclosure:
        """Return x / y."""
        if (x.is_zero and y.is_zero) or (x.is_infinite and y.is_infinite):
            return NAN
        if y.is_zero or x.is_infinite:
            return Enclosure.infinity(x.sign * y.sign)
        if x.is_zero or y.is_infinite:
            return Enclosure.zero(x.sign * y.sign)
        _ = y.sign  # undecided if the divisor may be zero
        return self._by_corners(libmp.mpf_div, x, y)

    def sqrt(self, x: Enclosure) -> Enclosure:
        """Return the square root of x."""
        if x.is_zero:
            return x
        if x.sign < 0:
            return NAN
        low = libmp.mpf_sqrt(x.low, self.working, "f")
        return Enclosure(low, libmp.mpf_sqrt(x.high, self.working, "c"))

    def fma(self, x: Enclosure, y: Enclosure, z: Enclosure) -> Enclosure:
        """Return x * y + z; the product of points is exact."""
        wide = replace(self, working=2 * self.working)
        product = wide.mul(x, y)
        return NAN if product.is_nan else wide.add(product, z)

    def _by_corners(self, operation: _RealOperation, x: Enclosure, y: Enclosure) -> Enclosure:
        corners = [(a.low, b.low) for a in x.ends for b in y.ends]
        return Enclosure(
            least([operation(*corner, self.working, "f") for corner in corners]),
            greatest([operation(*corner, self.working, "c") for corner in corners]),
        )

    def round_to_integral(self, x: Enclosure, rounding: str) -> Enclosure:
        """Return the nearest integer in a direction, with the sign of x (clause 5.3.1)."""
        if x.is_infinite or x.is_zero:
            return x
        low, high = (_integer(end, rounding) for end in (x.low, x.high))
        if low != high:
            raise UndecidedError("an integer at the turn of its rounding")
        return Enclosure.zero(x.sign) if low == ZERO else Enclosure.point(low)

    def remainder(self, x: Enclosure, y: Enclosure, rounding: str) -> Enclosure:
        """Return x - y*n, n being x/y rounded to an integer; a zero has the sign of x."""
        if x.is_infinite or y.is_zero:
            return NAN
        if x.is_zero or y.is_infinite:
            return x
        n = self._integral_quotient(x, y, rounding)
        products = [libmp.mpf_mul(n, end) for end in (y.low, y.high)]
        low = libmp.mpf_sub(x.low, greatest(products), self.working, "f")
        high = libmp.mpf_sub(x.high, least(products), self.working, "c")
        return Enclosure.zero(x.sign) if low == high == ZERO else Enclosure(low, high)

    def _integral_quotient(self, x: Enclosure, y: Enclosure, rounding: str) -> Exact:
        digits = magnitude(absolute(x).high) - magnitude(absolute(y).low)
        if y.sign and digits > LONGEST:
            raise UndecidedError("a quotient of so many digits")
        if x.is_point and y.is_point:
            return _integral_quotient_of(x.low, y.low, rounding)
        wide = replace(self, working=self.working + max(digits, 0))
        return wide.round_to_integral(wide.div(x, y), rounding).low

    def mod(self, x: Enclosure, y: Enclosure) -> Enclosure:
        """Return x - y*floor(x/y), with the sign of y."""
        if y.is_infinite and not (x.is_infinite or x.is_zero) and x.sign != y.sign:
            return y
        z = self.remainder(x, y, "toward_negative")
        return Enclosure.zero(y.sign) if z.is_zero else z

    def logb(self, x: Enclosure) -> Enclosure:
        """Return the exponent of x."""
        if x.is_zero or x.is_infinite:
            return Enclosure.infinity(-1 if x.is_zero else 1)
        _ = x.sign  # undecided if it may be zero
        low, high = (magnitude(end) - 1 for end in (x.low, x.high))
        if low != high:
            raise UndecidedError("the exponent of a number at a power of two")
        return Enclosure.point(libmp.from_int(int(low)))

    def copy_sign(self, x: Enclosure, y: Enclosure) -> Enclosure:
        """Return x with the sign of y."""
        if x.is_nan or y.is_nan:
            raise UndecidedError("the sign of a NaN")
        return negated(absolute(x)) if y.sign < 0 else absolute(x)

    def minimum(self, x: Enclosure, y: Enclosure) -> Enclosure:
        """Return the lesser of two; -0 is below +0."""
        if x.is_zero and y.is_zero:
            return x if x.negative_zero else y
        low, high = least([x.low, y.low]), least([x.high, y.high])
        return next((a for a in (x, y) if (a.low, a.high) == (low, high)), Enclosure(low, high))

    def maximum(self, x: Enclosure, y: Enclosure) -> Enclosure:
        """Return the greater of two; -0 is below +0."""
        return negated(self.minimum(negated(x), negated(y)))

    def min_num(self, x: Enclosure, y: Enclosure) -> Enclosure:
        """Return the lesser of two; a NaN yields the other."""
        return y if x.is_nan else x if y.is_nan else self.minimum(x, y)

    def max_num(self, x: Enclosure, y: Enclosure) -> Enclosure:
        """Return the greater of two; a NaN yields the other."""
        return y if x.is_nan else x if y.is_nan else self.maximum(x, y)


_OPERATIONS: Final[dict[str, Callable[..., Enclosure]]] = {
    "add": EnclosureArithmetic.add,
    "sub": lambda of, x, y: of.add(x, negated(y)),
    "mul": EnclosureArithmetic.mul,
    "div": EnclosureArithmetic.div,
    "sqrt": EnclosureArithmetic.sqrt,
    "fma": EnclosureArithmetic.fma,
    "neg": lambda of, x: negated(x),
    "abs": lambda of, x: absolute(x),
    "minimum": EnclosureArithmetic.minimum,
    "maximum": EnclosureArithmetic.maximum,
    "logb": EnclosureArithmetic.logb,
    "rem": lambda of, x, y: of.remainder(x, y, "ties_to_even"),
    "fmod": lambda of, x, y: of.remainder(x, y, "toward_zero"),
    "mod": EnclosureArithmetic.mod,
}

_NAN_AWARE: Final[dict[str, Callable[..., Enclosure]]] = {
    "copy_sign": EnclosureArithmetic.copy_sign,
    "min_num": EnclosureArithmetic.min_num,
    "max_num": EnclosureArithmetic.max_num,
    "minimum_number": EnclosureArithmetic.min_num,
    "maximum_number": EnclosureArithmetic.max_num,
}
"""The operations whose results need not be NaN if an operand is."""


def _integer(value: Exact, rounding: str) -> Exact:
    if value[2] >= 0:
        return value
    if magnitude(value) > LONGEST:
        raise UndecidedError("an integer of so many digits")
    integer: Exact = libmp.from_int(round_to_integer(Exact(*value), rounding))
    return integer


def _integral_quotient_of(x: Exact, y: Exact, rounding: str) -> Exact:
    """Return x/y, of two numbers, rounded to an integer in a direction."""
    shift = int(x[2] - y[2])
    if shift < -LONGEST:
        shift = -LONGEST  # a quotient so near zero rounds like this one
    n, d = int(x[1]) << max(shift, 0), int(y[1]) << max(-shift, 0)
    # A quotient with a sticky bit rounds as the exact one does.
    quotient, rest = divmod(n << 2, d)
    sticky = libmp.from_man_exp((quotient << 1 | (rest != 0)) * (1 if x[0] == y[0] else -1), -3)
    integer: Exact = libmp.from_int(round_to_integer(Exact(*sticky), rounding))
    return integer
