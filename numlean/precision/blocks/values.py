"""The values of codes, as binary64 numbers: all are exact. Numbers as binary32 encodings."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.scalar.registry import get_scalar
from numlean_kernels.blocks.rules import Element
from numlean_kernels.formats import Format

Array = np.ndarray[Any, Any]

BINARY32_DTYPE: Final = "ieee32exec"
"""The dtype of the numbers that are quantised."""


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


def binary32_encodings(x: Tensor | ArrayLike) -> Array:
    """Return numbers as binary32 encodings, rounded to nearest.

    Raises:
        NumleanError: They are no real numbers.
    """
    if isinstance(x, Tensor):
        scalar: Any = get_scalar(BINARY32_DTYPE, "python" if x.scalar.device == "python" else "cpu")
        return np.asarray(scalar.cast_from(x.scalar, x.data))
    given = np.asarray(x)
    if given.dtype.kind not in "iufb" and given.dtype.name != "bfloat16":
        raise NumleanError(
            f"quantize takes real numbers, got an array of {given.dtype}; convert it with"
            " astype('float32')"
        )
    with np.errstate(all="ignore"):
        return np.asarray(given.astype(np.float32, copy=False), order="C").view(np.uint32)
