"""Exact results of expressions in rational arithmetic, where they are rational and short.

Enclosures cannot tell that ``3 * (1/3)`` is one, or that ``0.3 % 0.1`` is zero; fractions can.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import floor, trunc
from typing import Final

from mpmath import libmp

from numlean.inspection.enclosures import Enclosure
from numlean.scalar.checks import round_to_integer
from numlean.scalar.exact import Exact

_LONGEST: Final = 1 << 15
"""The most bits of a numerator or a denominator."""


@dataclass(frozen=True)
class SignedRational:
    """A rational number; a zero has a sign.

    Attributes:
        value: The number.
        negative: Whether it is negative, or -0.
    """

    value: Fraction
    negative: bool

    @classmethod
    def of(cls, value: Fraction | int, *, zero_is_negative: bool = False) -> SignedRational:
        """Return a number, with the sign that it has if it is zero."""
        return cls(Fraction(value), zero_is_negative if value == 0 else value < 0)

    @property
    def is_short(self) -> bool:
        """Whether computing with it takes little work."""
        bits = max(abs(self.value.numerator).bit_length(), self.value.denominator.bit_length())
        return bits <= _LONGEST

    def enclosure(self, precision: int) -> Enclosure:
        """Return the number between two of a precision; a point if it is one of them."""
        n, d = (libmp.from_int(part) for part in self.value.as_integer_ratio())
        low, high = (libmp.mpf_div(n, d, precision, rounding) for rounding in "fc")
        return Enclosure(low, high, self.negative and not self.value)


def compute(
    operation: str, operands: list[SignedRational], rounding: str, zero_sum_is_negative: bool
) -> SignedRational | None:
    """Return an operation of rational numbers; None if it is not rational, or not short.

    Args:
        operation: The name.
        operands: The numbers.
        rounding: The direction of ``round_to_integral``.
        zero_sum_is_negative: Whether a zero sum of numbers that are not zeros of one sign is -0.
    """
    x, *others = operands
    if operation in ("add", "sub", "fma"):
        z = _sum(operation, operands, zero_sum_is_negative)
    elif operation == "round_to_integral":
        whole = _rounded(x.value, rounding)
        z = SignedRational.of(whole, zero_is_negative=x.negative)
    elif operation in _OPERATIONS:
        found = _OPERATIONS[operation](x, *others)
        if found is None:
            return None
        z = found
    else:
        return None
    return z if z.is_short else None


def _sum(operation: str, operands: list[SignedRational], negative: bool) -> SignedRational:
    x, y, *_ = operands
    if operation == "sub":
        y = SignedRational(-y.value, not y.negative)
    if operation == "fma":
        x, y = _product(x, y), operands[2]
    same = x.negative == y.negative and not x.value and not y.value
    return SignedRational.of(x.value + y.value, zero_is_negative=x.negative if same else negative)


def _product(x: SignedRational, y: SignedRational) -> SignedRational:
    return SignedRational(x.value * y.value, x.negative != y.negative)


def _quotient(x: SignedRational, y: SignedRational) -> SignedRational | None:
    return SignedRational(x.value / y.value, x.negative != y.negative) if y.value else None


def _remainder(
    integral: Callable[[Fraction], int], x: SignedRational, y: SignedRational
) -> SignedRational | None:
    if not y.value:
        return None
    z = x.value - y.value * integral(x.value / y.value)
    return SignedRational.of(z, zero_is_negative=x.negative)


def _order(x: SignedRational) -> tuple[Fraction, bool]:
    return x.value, not x.negative


def _by_magnitude(x: SignedRational) -> tuple[Fraction, Fraction, bool]:
    return abs(x.value), x.value, not x.negative


def _mod(x: SignedRational, y: SignedRational) -> SignedRational | None:
    z = _remainder(floor, x, y)
    return z if z is None or z.value else SignedRational(z.value, y.negative)


def _power(x: SignedRational, y: SignedRational) -> SignedRational | None:
    size = max(abs(x.value.numerator).bit_length(), x.value.denominator.bit_length())
    if y.value.denominator != 1 or abs(y.value) * size > _LONGEST or not x.value:
        return None
    return SignedRational.of(x.value ** int(y.value))


def _rounded(value: Fraction, rounding: str) -> int:
    # A quotient with a sticky bit rounds as the exact one does.
    quotient, rest = divmod(4 * abs(value.numerator), value.denominator)
    sticky = (quotient << 1 | (rest != 0)) * (-1 if value < 0 else 1)
    return round_to_integer(Exact(*libmp.from_man_exp(sticky, -3)), rounding)


_OPERATIONS: Final[dict[str, Callable[..., SignedRational | None]]] = {
    "mul": _product,
    "div": _quotient,
    "neg": lambda x: SignedRational(-x.value, not x.negative),
    "abs": lambda x: SignedRational(abs(x.value), False),
    "copy_sign": lambda x, y: SignedRational(
        -abs(x.value) if y.negative else abs(x.value), y.negative
    ),
    **dict.fromkeys(("minimum", "minimum_number"), lambda x, y: min(x, y, key=_order)),
    **dict.fromkeys(("maximum", "maximum_number"), lambda x, y: max(x, y, key=_order)),
    **dict.fromkeys(
        ("minimum_magnitude", "minimum_magnitude_number"), lambda x, y: min(x, y, key=_by_magnitude)
    ),
    **dict.fromkeys(
        ("maximum_magnitude", "maximum_magnitude_number"), lambda x, y: max(x, y, key=_by_magnitude)
    ),
    "rem": lambda x, y: _remainder(round, x, y),
    "fmod": lambda x, y: _remainder(trunc, x, y),
    "mod": _mod,
    "pow": _power,
}
"""Operations whose results are rational, or None where they are infinite or not rational."""
