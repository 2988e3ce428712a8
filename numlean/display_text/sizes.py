"""Sizes in bytes, in decimal units. All messages, options and documents show them so."""

from __future__ import annotations

from typing import Final

_UNITS: Final = ("kB", "MB", "GB", "TB", "PB")


def format_size(size: int) -> str:
    """Return a number of bytes in words, such as ``1.2 GB``."""
    if size < 1000:
        return f"{size} bytes"
    for power, unit in enumerate(_UNITS, start=1):
        if 20 * size < 19_999 * 1000**power:  # less than 999.95, which is rounded to 1000
            return f"{size / 1000**power:.1f}".removesuffix(".0") + f" {unit}"
    return "more than 1000 PB"
