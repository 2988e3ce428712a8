"""Numbers formatted for reading."""

from __future__ import annotations

import math
from typing import Final

_RAISED: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def format_number(value: float | int | None, digits: int = 3) -> str:
    """Return a number with that many digits; a dash for None."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, int):
        return f"{value:,}"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "\N{MINUS SIGN}∞"
    significand, _, exponent = f"{value:.{digits}g}".partition("e")
    significand = significand.replace("-", "\N{MINUS SIGN}")
    return significand if not exponent else f"{significand}·10{superscript(int(exponent))}"


def power_of_ten(value: float) -> str:
    """Return the label of a tick of a logarithmic axis."""
    if 1e-3 <= value < 1e5:
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    leading = round(value / 10.0**exponent)
    return f"{'' if leading == 1 else f'{leading}·'}10{superscript(exponent)}"


def power_of_two(exponent: int) -> str:
    """Return two to an exponent."""
    return f"2{superscript(exponent)}"


def superscript(exponent: int) -> str:
    """Return an exponent in superscript digits."""
    return str(exponent).translate(_RAISED)
