"""The values of codes, as binary64 numbers: all are exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean_kernels.blocks.rules import Element
from numlean_kernels.formats import Format

Array = np.ndarray[Any, Any]


def values_of_format(format: Format) -> Array:
    """Return the value of each code of a small format, from 0."""
    codes = np.arange(1 << format.width)
    magnitudes = codes & format.magnitude_mask
    exponents = magnitudes >> format.trailing_bits
    has_leading_one = (exponents > 0) | (not format.has_zero)
    fractions = (magnitudes & format.trailing_mask) + format.implicit_bit * has_leading_one
    powers = np.where(has_leading_one, exponents - format.bias, format.emin) - format.trailing_bits
    values = np.ldexp(fractions.astype(np.float64), powers)
    values[format.is_infinite(codes)] = np.inf
    values[format.is_nan(codes)] = np.nan
    return np.asarray(np.where(codes & format.sign_mask, -values, values))


def values_of_element(element: Element) -> Array:
    """Return the value of each code of an element, from 0."""
    if element.is_integer:
        unit = 2.0**-element.format.trailing_bits
        return np.asarray(np.arange(256).astype(np.uint8).view(np.int8) * unit)
    return values_of_format(element.format)


def greatest_element(element: Element) -> tuple[float, float]:
    """Return the greatest value of an element, and its distance from the one before it."""
    values = np.unique(values_of_element(element))
    before, greatest = values[np.isfinite(values)][-2:].tolist()
    return greatest, greatest - before
