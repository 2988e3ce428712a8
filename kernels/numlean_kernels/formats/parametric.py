"""Formats whose parameters are in their names: ``ieee:eXmY`` and ``p3109:K.P``."""

from __future__ import annotations

import re
from typing import Final

from numlean_kernels.formats.format import Format, Nans
from numlean_kernels.formats.named import BINARY32, NAMED

EXPONENT_BITS: Final = range(2, 12)
TRAILING_BITS: Final = range(1, 53)

_BY_KEY: Final = {f.key: f for f in (BINARY32, *(each.format for each in NAMED))}


def parse_format(text: str) -> Format:
    """Return the IEEE format of a text such as ``e5m10``; a standard format if it is one.

    Raises:
        ValueError: The text has another form, or a width is out of range.
    """
    match = re.fullmatch(r"e(\d{1,4})m(\d{1,4})", text, re.ASCII)
    exponent_bits, trailing_bits = map(int, match.groups()) if match else (0, 0)
    if exponent_bits not in EXPONENT_BITS or trailing_bits not in TRAILING_BITS:
        raise ValueError(
            f"{text!r} is not a format: write eXmY with X exponent bits from {EXPONENT_BITS[0]} to"
            f" {EXPONENT_BITS[-1]} and Y trailing significand bits from {TRAILING_BITS[0]} to"
            f" {TRAILING_BITS[-1]}, as in e5m10{_beyond(trailing_bits)}"
        )
    format = Format(f"ieee:{text}", exponent_bits, trailing_bits)
    return _BY_KEY.get(format.key, format)


def _beyond(trailing_bits: int) -> str:
    """Return what to use for more precision than formats have."""
    if trailing_bits <= TRAILING_BITS[-1]:
        return ""
    return (
        f"; mp:{trailing_bits + 1} rounds each operation to as many bits, to nearest, but its"
        " exponents are unbounded, and it has one NaN, no -0, no encodings and no flags"
    )


P3109_WIDTHS: Final = range(3, 17)
_P3109_EXPONENT_BITS: Final = 10
"""The most exponent bits of a format of P3109 here, so that binary64 has all its numbers."""


def parse_p3109(text: str) -> Format:
    """Return the format of IEEE P3109 of a text such as ``8.4``, ``8.3uf`` or ``6.2se``.

    ``K.P`` are the width and the precision. The letters after it are ``s`` (signed, the default) or
    ``u`` (unsigned), then ``e`` (extended: with infinities, the default) or ``f`` (finite).

    Raises:
        ValueError: The text has another form, or a parameter is out of range.
    """
    match = re.fullmatch(r"(\d{1,2})\.(\d{1,2})([su]?)([ef]?)", text, re.ASCII)
    width, precision = (int(match[1]), int(match[2])) if match else (0, 0)
    is_signed = match is not None and match[3] != "u"
    exponent_bits = width - precision + (not is_signed)
    if width not in P3109_WIDTHS or precision < 1 or exponent_bits < 1 or match is None:
        raise ValueError(
            f"{text!r} is not a format of P3109: write K.P with K bits from {P3109_WIDTHS[0]} to"
            f" {P3109_WIDTHS[-1]} and the precision P from 1 to K - 1, as in 8.4, then u (unsigned;"
            " P may be K) and f (without infinities) if wanted"
        )
    if exponent_bits > _P3109_EXPONENT_BITS:
        raise ValueError(
            f"{text!r} has {exponent_bits} exponent bits; at most {_P3109_EXPONENT_BITS} are"
            " supported, so that binary64 has all numbers: raise P"
        )
    sign, domain = "s" if is_signed else "u", match[4] or "e"
    return Format(
        f"p3109:{width}.{precision}{sign}{domain}",
        exponent_bits,
        precision - 1,
        Nans.NEGATIVE_ZERO if is_signed else Nans.ALL_ONES,
        has_infinity=domain == "e",
        exponent_bias=1 << (exponent_bits - 1),
        is_signed=is_signed,
        only_saturates=domain == "f",
    )
