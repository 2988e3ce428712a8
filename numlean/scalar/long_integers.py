"""Integers of any length as decimals: the limit of Python's own conversions does not apply."""

from __future__ import annotations

from typing import Final

_CHUNK: Final = 4000


def int_of_digits(digits: str) -> int:
    """Return the integer of decimal digits, of any number: Python's own limit does not apply."""
    if len(digits) <= _CHUNK:
        return int(digits or "0")
    low = len(digits) // 2
    power: int = 10**low
    return int_of_digits(digits[:-low]) * power + int_of_digits(digits[-low:])


def digits_of_int(n: int) -> str:
    """Return the decimal digits of n >= 0, of any number."""
    if n.bit_length() <= 3 * _CHUNK:
        return str(n)
    low = n.bit_length() * 1233 // 4096 // 2
    high, rest = divmod(n, 10**low)
    return digits_of_int(high) + digits_of_int(rest).rjust(low, "0")


def text_of_int(n: int) -> str:
    """Return the decimal of an integer of any length; Python's own limit does not apply."""
    return f"{'-' if n < 0 else ''}{digits_of_int(abs(n))}"
