"""A Scalar in a notebook: its name, the fields of its codes, its range and precision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mpmath import libmp

from numlean.errors import NumleanError
from numlean.pages.html import Html, element, join
from numlean.scalar.code_fields import COLOURS, code_width, fields_of
from numlean.scalar.exact import exact_of
from numlean.scalar.innermost import innermost
from numlean.scalar.precision import is_unbounded, precision_of
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.registry import scalar_on

_FAR: Final = 1 << 2000
"""A number beyond those of every bounded exponent."""

_DIGITS: Final = 6


def scalar_html(scalar: Scalar) -> str:
    """Return the properties of a Scalar as an HTML table.

    What is computed uses another Scalar of the same numbers, so that no random stream, record or
    count of the Scalar changes; a Scalar whose name is not a dtype has only a description.
    """
    rows = [("numbers", join(scalar.describe()))]
    try:
        plain = scalar_on(innermost(scalar).name, "python")
    except NumleanError:
        plain = None  # made by a program
    if plain is not None:
        rows += _facts(plain)
    rows += [("rounding", join(scalar.rounding)), ("device", join(scalar.device))]
    body = [element("tr", element("th", name, scope="row"), element("td", x)) for name, x in rows]
    return element("table", element("caption", scalar.name), element("tbody", body)).text


def _facts(scalar: Scalar) -> Iterator[tuple[str, Html]]:
    width, one = code_width(scalar), scalar.from_int([1])
    if width is not None:
        code = int(scalar.to_bits(one)[0])
        fields = fields_of(scalar, code)
        names = ", ".join(f"{len(field.bits)} {field.kind}" for field in fields)
        spans = [
            (element("span", field.bits, style=f"color: {COLOURS[field.kind]}"), " ")
            for field in fields
        ]
        yield "bits", join(f"{width}")
        yield f"code of {_text(scalar, one)}", join(element("code", spans), f" ({names})")
        least, greatest = least_number(scalar), greatest_number(scalar)
        yield "positive numbers", join(f"{_text(scalar, least)} to {_text(scalar, greatest)}")
    elif is_unbounded(scalar):
        yield "positive numbers", join("unbounded exponents")
    yield "precision", join(f"{precision_of(scalar)} bits at most")


def greatest_number(scalar: Scalar) -> Storage:
    """Return the greatest number of a Scalar that has codes, in an array of one."""
    if scalar.format is not None:
        return scalar.from_bits([scalar.format.max_finite])
    return scalar.from_exact([_FAR])


def least_number(scalar: Scalar) -> Storage:
    """Return the least positive number of a Scalar that has codes, in an array of one."""
    if scalar.format is not None:
        return scalar.from_bits([int(scalar.format.has_zero)])
    return scalar.next_up(scalar.from_int([0]))


def _text(scalar: Scalar, x: Storage) -> str:
    value = exact_of(scalar.to_exact(x)[0])
    return str(libmp.to_str(value, _DIGITS)).removesuffix(".0")
