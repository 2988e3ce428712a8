"""Arrays of numbers in files of recorded dot products, as encodings of a format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from numlean.errors import DataError
from numlean.verification.encoding import Bools, Floats, decode, is_nan, round_to_even
from numlean_kernels.formats import BINARY16, BINARY32, BINARY64, Format

Codes = np.ndarray[Any, np.dtype[Any]]

_WIDER: Final = {16: BINARY16, 32: BINARY32, 64: BINARY64}
"""The formats that numbers of narrower formats may be written in."""


@dataclass(frozen=True)
class Recorded:
    """An array as encodings of a format.

    Attributes:
        codes: The encodings.
        has_nan_bits: Whether the bits of NaNs are those that were recorded: they are not if the
            numbers were written in another format.
    """

    codes: Codes
    has_nan_bits: bool


def read_numbers(array: Codes, format: Format, place: str, *, rounds: bool = False) -> Recorded:
    """Return the numbers of an array.

    Integers as wide as an encoding of the format are its encodings. Wider ones are the numbers'
    encodings in binary16, binary32 or binary64, and floats are the numbers.

    Args:
        array: The array.
        format: The format that has the numbers.
        place: The array, for messages.
        rounds: Whether numbers that the format does not have are rounded to nearest even.

    Raises:
        DataError: The array has other elements, or numbers that the format does not have.
    """
    width = 8 * array.dtype.itemsize
    if array.dtype.kind in "iu":
        given = array.astype(array.dtype.newbyteorder("=")).view(f"uint{width}")
        if width == 8 * format.storage_dtype.itemsize:
            return Recorded(_checked_codes(given, format, place), has_nan_bits=True)
        if width > format.width and width in _WIDER:
            return _converted(decode(_WIDER[width], given), format, place, rounds=rounds)
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        return _converted(array.astype(np.float64), format, place, rounds=rounds)
    raise DataError(
        f"{place}: must hold encodings of {format.name} ({format.storage_dtype}), numbers as"
        f" floats, or their encodings in a wider binary format, got {array.dtype!s:.80}"
    )


def _checked_codes(codes: Codes, format: Format, place: str) -> Codes:
    beyond = np.flatnonzero(codes >> (format.width - 1) > 1)
    if beyond.size:
        raise DataError(
            f"{place}: {codes.flat[beyond[0]]:#x} at element {beyond[0]} is not an encoding of"
            f" {format.name}, which has {format.width} bits"
        )
    return codes.astype(format.storage_dtype)


def _converted(values: Floats, format: Format, place: str, *, rounds: bool) -> Recorded:
    """Return the encodings of numbers. Signalling NaNs and payloads become the default NaN."""
    if format == BINARY64:
        return Recorded(values.view(np.uint64), has_nan_bits=False)
    with np.errstate(over="ignore"):
        codes = round_to_even(format, values)
    if not rounds:
        _check_equal(decode(format, codes), values, format, place)
    return Recorded(codes, has_nan_bits=False)


def _check_equal(found: Floats, values: Floats, format: Format, place: str) -> None:
    same = (found == values) & (np.signbit(found) == np.signbit(values))
    different = np.flatnonzero(~(same | (np.isnan(found) & np.isnan(values))))
    if different.size:
        first = different[0]
        value = float(values.flat[first])
        raise DataError(f"{place}: {value} at element {first} is not a number of {format.name}")


def differing(expected: Recorded, actual: Codes, format: Format) -> Bools:
    """Return where encodings differ; NaNs are equal if their recorded bits are unknown."""
    different: Bools = expected.codes != actual
    if expected.has_nan_bits:
        return different
    return different & ~(is_nan(format, expected.codes) & is_nan(format, actual))
