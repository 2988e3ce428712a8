"""Numbers for people."""

from __future__ import annotations

import math
from typing import Final

_RAISED: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def written(value: float | int | None, digits: int = 3) -> str:
    """A number in so many digits; a dash where there is none."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, int):
        return f"{value:,}"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "\N{MINUS SIGN}∞"
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    mantissa = mantissa.replace("-", "\N{MINUS SIGN}")
    return mantissa if not exponent else f"{mantissa}·10{raised(int(exponent))}"


def power_of_ten(value: float) -> str:
    """A tick of a logarithmic axis."""
    if 1e-3 <= value < 1e5:
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    leading = round(value / 10.0**exponent)
    return f"{'' if leading == 1 else f'{leading}·'}10{raised(exponent)}"


def power_of_two(exponent: int) -> str:
    """Two to an exponent."""
    return f"2{raised(exponent)}"


def raised(exponent: int) -> str:
    """An exponent in raised digits."""
    return str(exponent).translate(_RAISED)
