"""Exact values as decimals: all digits, the shortest that identify a number, or the first ones.

The shortest decimal is the one of fewest digits that comes back as the same number, and of those
the nearest (G. L. Steele and J. L. White, "How to print floating-point numbers accurately", 1990).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from numlean.errors import NumleanError
from numlean.scalar.decimal_powers import floor_log10, floor_scaled
from numlean.scalar.exact import Exact
from numlean.scalar.long_integers import digits_of_int
from numlean.scalar.work_limit import longest_exponent, operand_hint

_EXPONENT_DIGITS: Final = 1000
_EXPONENT_BITS: Final = 3400
_SPARE_BITS: Final = 64
"""The bits that exponents gain where numbers are multiplied."""
_POSITIONAL: Final = range(-3, 17)


def exponent_digits() -> int:
    """Return the most decimal digits of an exponent that is read or printed."""
    return max(_EXPONENT_DIGITS, _longest_exponent() * 31 // 100 + 1)


def _longest_exponent() -> int:
    return longest_exponent() + _SPARE_BITS


@dataclass(frozen=True)
class DecimalDigits:
    """A decimal 0.d1d2d3... * 10**point, d1 and the last digit nonzero; no digits for zero.

    Attributes:
        negative: Whether it is below zero.
        digits: The digits, without leading and trailing zeros.
        point: The power of ten.
    """

    negative: bool
    digits: str
    point: int

    @classmethod
    def of(cls, negative: bool, digits: int, scale: int) -> DecimalDigits:
        """Return the decimal of an integer times 10**-scale."""
        text = digits_of_int(digits)
        return cls(negative, text.rstrip("0"), len(text) - scale)

    def __str__(self) -> str:
        """Return the text as Python writes floats: positional near one, else with an exponent."""
        digits, point = self.digits, self.point
        if not digits:
            return "0.0"
        if point in _POSITIONAL:
            whole, part = (
                (digits[:point], digits[point:]) if point > 0 else ("", "0" * -point + digits)
            )
            body = f"{whole.ljust(max(point, 0), '0') or '0'}.{part or '0'}"
        else:
            power = digits_of_int(abs(point - 1)).rjust(2, "0")
            sign = "-" if point < 1 else "+"
            body = f"{digits[0]}{'.' + digits[1:] if digits[1:] else ''}e{sign}{power}"
        return ("-" if self.negative else "") + body


def shortest_decimal(value: Exact, same: Callable[[str], bool]) -> str:
    """Return the decimal of fewest digits of a finite nonzero value for which ``same`` holds.

    ``same`` holds for the texts of all numbers of an interval that contains the value, or for none:
    an arithmetic that flushes subnormal numbers reads none of their texts as one. Then it is the
    decimal with all digits of the value.

    Raises:
        NumleanError: The exponent has too many digits to print.
    """
    _check_exponent(value)
    leading = floor_log10(value)

    def of_length(count: int) -> str | None:
        decimals, is_exact = _neighbours(value, count - 1 - leading)
        texts = map(str, decimals)
        return next((text for text in texts if is_exact or same(text)), None)

    # A number of n digits is also one of n + 1 digits, so the least n is found by bisection.
    most = 1
    while (found := of_length(most)) is None:
        most *= 2
    least = most // 2 + 1
    while least < most:
        middle = (least + most) // 2
        text = of_length(middle)
        if text is None:
            least = middle + 1
        else:
            most, found = middle, text
    return found


def _neighbours(value: Exact, scale: int) -> tuple[list[DecimalDigits], bool]:
    """Return the multiples of 10**-scale on both sides of a value, the nearer, or even, first.

    If the value is such a multiple, return it alone, and True.
    """
    twice, is_exact = floor_scaled(Exact(value[0], value[1], value[2] + 1, value[3]), scale)
    floor, above_half = divmod(twice, 2)
    if is_exact and not above_half:
        return [DecimalDigits.of(bool(value[0]), floor, scale)], True
    is_tie = is_exact and above_half
    nearer = floor + (floor % 2 if is_tie else above_half)
    both = (nearer, floor if nearer > floor else floor + 1)
    return [DecimalDigits.of(bool(value[0]), each, scale) for each in both if each], False


def exact_decimal(value: Exact, most_digits: int) -> DecimalDigits | None:
    """Return a finite value with all its digits; None if it has more than so many.

    The work is bounded by the number of digits asked for.
    """
    sign, m, e, _ = value
    if not m:
        return DecimalDigits(False, "", 0)
    # With m odd, m * 2**-k is m * 5**k / 10**k, and m * 2**k ends in as many zeros as m has fives.
    zeros = _factors_of_five(int(m), int(e)) if e > 0 else 0
    power = int(e) - zeros if e > 0 else -int(e)
    if power * (3 if e > 0 else 6) > 10 * (most_digits + 1):
        return None
    digits = (int(m) // 5**zeros) << power if e > 0 else int(m) * 5**power
    decimal = DecimalDigits.of(bool(sign), digits, -zeros if e > 0 else power)
    return decimal if len(decimal.digits) <= most_digits else None


def _factors_of_five(m: int, most: int) -> int:
    count = 0
    while count < most and m % 5 == 0:
        m, count = m // 5, count + 1
    return count


def first_digits(value: Exact, count: int) -> DecimalDigits:
    """Return a finite nonzero value cut, toward zero, to a number of digits.

    Raises:
        NumleanError: The exponent has too many digits to print.
    """
    _check_exponent(value)
    scale = count - 1 - floor_log10(value)
    return DecimalDigits.of(bool(value[0]), floor_scaled(value, scale)[0], scale)


def _check_exponent(value: Exact) -> None:
    bits = int(abs(value[2])).bit_length()
    if bits > max(_EXPONENT_BITS, _longest_exponent()):
        raise NumleanError(
            f"a number whose exponent has more than {exponent_digits()} decimal digits cannot be"
            f" printed as a decimal{operand_hint(bits, is_periodic=False)}"
        )
