"""Numbers as text: decimals, hexadecimals and fractions in, rounded once; the shortest decimal out.

Out of a Scalar goes the decimal of fewest digits that comes back as the same number, and of those
the nearest (G. L. Steele and J. L. White, "How to print floating-point numbers accurately", 1990).
"""

from __future__ import annotations

import re
import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from functools import partial
from typing import Any, Final

from mpmath import libmp

from numlean.errors import NumleanError
from numlean.scalar.exact import Exact

_DECIMAL: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d+))?", re.ASCII)
_HEXADECIMAL: Final = re.compile(
    r"0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?\d+))?", re.ASCII
)
_FRACTION: Final = re.compile(r"(\d+)/(\d+)", re.ASCII)
_LARGEST_EXPONENT: Final = 100_000
_SPECIAL: Final = {"inf": libmp.finf, "infinity": libmp.finf, "nan": libmp.fnan}


def parse_number(text: str, precision: int) -> tuple[Exact, bool]:
    """Return the value of a text, to be rounded once to ``precision`` bits, and whether it is -0.

    The value is cut to more bits than that, the last of which is sticky, so rounding it
    gives the rounded number.

    Raises:
        NumleanError: The text is not a number, or has too large an exponent or too many digits.
    """
    negative, unsigned = text.strip().startswith("-"), re.sub(r"^[+-]", "", text.strip())
    value = _SPECIAL.get(unsigned.lower())
    if value is None:
        try:
            magnitude = _magnitude(text, unsigned)
        except NumleanError:
            raise
        except ValueError:  # from int, which is quadratic in the number of decimal digits
            most = sys.get_int_max_str_digits()
            raise NumleanError(
                f"a number has at most {most} decimal digits, got {len(text)}; write it as 0x1.8p-4"
            ) from None
        value = _with_sticky_bit(magnitude, precision + 64)
    return (libmp.mpf_neg(value) if negative else value), negative and value == libmp.fzero


def _magnitude(text: str, unsigned: str) -> Fraction:
    if match := _DECIMAL.fullmatch(unsigned):
        significand, exponent = Fraction(match[1]), int(match[2] or 0)
        base = 10
    elif (match := _HEXADECIMAL.fullmatch(unsigned)) and (match[1] or match[2]):
        fraction = match[2] or ""
        significand = Fraction(int((match[1] or "0") + fraction, 16), 16 ** len(fraction))
        exponent, base = int(match[3] or 0), 2
    elif (match := _FRACTION.fullmatch(unsigned)) and int(match[2]):
        return Fraction(int(match[1]), int(match[2]))
    else:
        raise NumleanError(
            f"{text!r} is not a number: write 0.1, -2.5e-3, 1/3, 0x1.8p-4, inf or nan"
        )
    if abs(exponent) > _LARGEST_EXPONENT:
        raise NumleanError(f"the exponent of {text!r} is beyond {_LARGEST_EXPONENT}")
    return significand * Fraction(base) ** exponent


def _with_sticky_bit(value: Fraction, bits: int) -> Exact:
    n, d = value.numerator, value.denominator
    shift = bits - n.bit_length() + d.bit_length()
    quotient, rest = divmod(n << max(shift, 0), d << max(-shift, 0))
    exact: Exact = libmp.from_man_exp(quotient << 1 | (rest != 0), -shift - 1)
    return exact


def exact_decimal(value: Exact) -> Decimal:
    """Return a finite value with all its digits."""
    sign, significand, exponent, bits = value
    context = Context(prec=abs(exponent) + bits + 1, Emax=10**9, Emin=-(10**9))
    power = context.power(Decimal(2), Decimal(exponent))
    magnitude = context.multiply(Decimal(int(significand)), power)
    return magnitude.copy_negate() if sign else magnitude  # minus would round to 28 digits


def shortest_decimal(value: Exact, same: Any) -> str:
    """Return the decimal of fewest digits of a finite nonzero value for which ``same`` holds."""
    exact = exact_decimal(value)
    for digits in range(1, len(exact.as_tuple().digits) + 1):
        ends = [
            Context(prec=digits, rounding=rounding, Emax=10**9, Emin=-(10**9)).plus(exact)
            for rounding in (ROUND_FLOOR, ROUND_CEILING)
        ]
        for end in sorted(ends, key=partial(_preference, exact)):
            if same(text := format_decimal(end)):
                return text
    return format_decimal(exact)


def _preference(exact: Decimal, end: Decimal) -> tuple[Fraction, bool]:
    """Order decimals by distance, and those at equal distance by an even last digit."""
    return abs(Fraction(end) - Fraction(exact)), end.as_tuple().digits[-1] % 2 == 1


def format_decimal(number: Decimal) -> str:
    """Return a decimal as Python writes floats: positional near one, else with an exponent."""
    if number == 0:
        return "0.0"
    sign, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    point = len(digits) + int(exponent)
    if -4 < point <= 16:
        whole, part = (text[:point], text[point:]) if point > 0 else ("", "0" * -point + text)
        body = f"{whole.ljust(max(point, 0), '0') or '0'}.{part or '0'}"
    else:
        body = f"{text[0]}{'.' + text[1:] if text[1:] else ''}e{point - 1:+03d}"
    return ("-" if sign else "") + body
