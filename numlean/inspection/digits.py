"""Decimals of single numbers that do not mislead: exact where short, else the nearest."""

from __future__ import annotations

from typing import Final

from numlean.scalar.decimals import exact_decimal, first_digits, shortest_decimal
from numlean.scalar.exact import Exact, exact_of
from numlean.scalar.parsing import parse_number
from numlean.scalar.protocol import Scalar, Storage
from numlean_kernels.formats import Format
from numlean_kernels.ieee import Arithmetic
from numlean_kernels.ieee.classify import CLASSES
from numlean_kernels.tables.exact import encoder

_SHORT: Final = 17
"""The digits of a decimal that is printed exactly. Every integer below 10**16 is one."""

_LONGEST_TEXT: Final = 60
_LONGEST_COUNT: Final = 100_000
_SIGNALLING: Final = CLASSES.index("signalling NaN")


def readable(scalar: Scalar, number: Storage) -> str:
    """Return the decimal of a number: exact if it is short, else the shortest that identifies it.

    A shortest decimal is identified by rounding to nearest, whatever the Scalar's direction: a
    decimal that only rounds to the number toward zero may be far off.

    Args:
        scalar: The number's arithmetic.
        number: An array of one element.
    """
    data = number.reshape(1)
    value = exact_of(scalar.to_exact(data)[0])
    if not value.significand:
        is_signalling = scalar.format is not None and scalar.classify(data)[0] == _SIGNALLING
        return "snan" if is_signalling else scalar.to_string(data)[0]
    exact = exact_decimal(value, _SHORT)
    if exact is not None:
        return str(exact)
    if scalar.format is None:
        return scalar.to_string(data)[0]
    return _nearest(value, scalar.format)


def _nearest(value: Exact, format: Format) -> str:
    """Return the shortest decimal that rounds to a number of a format, to nearest."""
    # Numbers of any format with these widths, so that nothing is above the largest one.
    encode = encoder(Arithmetic(format))
    wanted = encode(value.sign, int(value.significand), value.exponent)

    def same(text: str) -> bool:
        number = parse_number(text, format.precision).value
        return encode(number[0], int(number[1]), number[2]) == wanted

    return shortest_decimal(value, same)


def all_digits(value: Exact) -> str:
    """Return all digits of a finite nonzero value; the first ones and their count if very many."""
    exact = exact_decimal(value, _LONGEST_COUNT)
    text = "" if exact is None else str(exact)
    if exact is not None and len(text) <= _LONGEST_TEXT:
        return text
    count = f"more than {_LONGEST_COUNT}" if exact is None else f"{len(exact.digits)}"
    first = first_digits(value, _LONGEST_TEXT - 10)
    digits, exponent, power = str(first).partition("e")
    zeros = "0" * (_LONGEST_TEXT - 10 - len(first.digits))
    if zeros and "." not in digits:
        digits += "."
    return f"{digits}{zeros}...{exponent}{power} ({count} digits)"
