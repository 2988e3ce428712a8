"""Texts that several views show in the same way."""

from __future__ import annotations

from math import isinf, isnan
from typing import Final

from numlean.display_text import shorten
from numlean.pages.html import Child, Html, element
from numlean.scalar.code_fields import Field
from numlean.scalar.protocol import Scalar

_MINUS: Final = "\N{MINUS SIGN}"
_TIMES: Final = "\N{MULTIPLICATION SIGN}"
_LONGEST: Final = 72


def error_message(text: str) -> Html:
    """Return a message about what was typed, at the place where its result would be."""
    return element("p", text, class_="error", role="alert")


def decimal(text: str) -> Html:
    """Return a number in a form that does not break the page if it is long."""
    return element("span", shorten(text, _LONGEST).replace("-", _MINUS), class_="number-text")


def dyadic(parts: tuple[str, int]) -> Child:
    """Return a numerator and the power of two below it, or beside it."""
    numerator, power = parts
    if power == 0:
        return numerator
    sign = " / " if power > 0 else f" {_TIMES} "
    return numerator, sign, "2", element("sup", str(abs(power)))


def signed(value: float) -> str:
    """Return a number with its sign, in few digits."""
    if isnan(value):
        return "nan"
    if isinf(value):
        return f"{'+' if value > 0 else _MINUS}\N{INFINITY}"
    return f"{value:+.4g}".replace("-", _MINUS) if value else "0"


def unsigned(value: float) -> str:
    """Return a magnitude in few digits."""
    return "\N{INFINITY}" if isinf(value) else f"{value:.3g}".replace("-", _MINUS)


def code_text(fields: tuple[Field, ...]) -> Html:
    """Return a code with its fields in colours."""
    return element(
        "span",
        [
            element("span", each.bits, class_=f"bits-{each.kind}", title=each.kind)
            for each in fields
        ],
        class_="code",
    )


def describe_numbers(scalar: Scalar) -> str:
    """Return one line about the numbers of a Scalar."""
    format = scalar.format
    if format is None:
        return scalar.describe().partition(": ")[2].rpartition(", on ")[0].replace("_", " ")
    name = "" if format.name == scalar.name else f"{format.name}, "
    widths = (
        f"{format.width} bits: {format.exponent_bits} exponent, {format.trailing_bits} fraction"
    )
    return f"{name}{widths}; {scalar.rounding.replace('_', ' ')}"
