"""Encodings of narrow formats written as binary32, as files of measured outputs have them."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np

from numlean.errors import DataError
from numlean_kernels.formats import BINARY32, Format

Words: TypeAlias = np.ndarray[Any, np.dtype[np.uint32]]
"""Encodings, in 32 bits each."""

_NAN: Final = 0x7FC00000
_WIDEST_TABLE: Final = 16


def to_binary32(format: Format, encodings: Words) -> Words:
    """Return the values of encodings as binary32 encodings; NaNs of narrow formats lose their bits.

    Args:
        format: binary32, or a format of at most 16 bits whose numbers binary32 has.
        encodings: Its encodings.
    """
    words = np.asarray(encodings, np.uint32)
    return words if format.key == BINARY32.key else _table(format)[words]


def from_binary32(format: Format, words: Words, name: str) -> Words:
    """Return the encodings of values that are given as binary32 encodings.

    A NaN becomes the NaN that the format's operations return.

    Args:
        format: See :func:`to_binary32`.
        words: binary32 encodings.
        name: The name of the array, for errors.

    Raises:
        DataError: The format does not have a value.
    """
    words = np.asarray(words, np.uint32)
    if format.key == BINARY32.key:
        return words
    known, encodings = _inverse(format)
    is_nan = (words & BINARY32.magnitude_mask) > BINARY32.infinity
    places = np.minimum(np.searchsorted(known, words), len(known) - 1)
    wrong = (known[places] != words) & ~is_nan
    if format.has_nan:
        found = np.where(is_nan, np.uint32(format.default_nan), encodings[places])
    else:
        found, wrong = encodings[places], wrong | is_nan
    if wrong.any():
        first = tuple(int(axis[0]) for axis in np.nonzero(wrong))
        raise DataError(
            f"{name}{list(first)} is the binary32 encoding {int(words[first]):#010x}, whose value"
            f" {format.name} does not have"
        )
    return found.astype(np.uint32)


@cache
def _table(format: Format) -> Words:
    """Return the value of each encoding of a format."""
    assert format.width <= _WIDEST_TABLE, format.name
    codes = np.arange(1 << format.width)
    magnitude = codes & format.magnitude_mask
    field, trailing = magnitude >> format.trailing_bits, magnitude & format.trailing_mask
    significand = trailing + np.where(field > 0, format.implicit_bit, 0)
    exponent = np.maximum(field, 1) - format.bias - format.trailing_bits
    values = np.ldexp(significand.astype(np.float64), exponent)
    values[format.is_infinite(codes)] = np.inf
    values[format.is_nan(codes)] = 0  # replaced below
    signed = np.where(codes & format.sign_mask, -values, values)
    table: Words = signed.astype(np.float32).view(np.uint32)
    table[format.is_nan(codes)] = _NAN
    return table


@cache
def _inverse(format: Format) -> tuple[Words, Words]:
    """Return the values of a format that are not NaNs, in ascending order, and their encodings."""
    table = _table(format)
    codes = np.arange(len(table), dtype=np.uint32)
    codes = codes[~np.asarray(format.is_nan(codes))]
    codes = codes[np.argsort(table[codes])]
    return table[codes], codes
