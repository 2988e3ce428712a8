"""Conversions of fixed-point numbers into and out of storage, an array of int32."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import libmp

from fixed_point.routines import GREATEST, NAN
from numlean.scalar.exact import Exact
from numlean.scalar.protocol import Storage
from numlean_kernels.formats import Format

NO_NUMBER: Exact = libmp.fnan
"""The NaN of :class:`numlean.scalar.codec.Codec`."""


@dataclass(frozen=True)
class FixedCodec:
    """See :class:`numlean.scalar.codec.Codec` for the documentation of every method.

    Attributes:
        fraction_bits: Bits after the point.
    """

    fraction_bits: int

    @property
    def format(self) -> Format | None:
        """None: there is no binary floating-point format."""
        return None

    @property
    def storage_dtype(self) -> np.dtype[Any]:
        """32 bits with a sign."""
        return np.dtype(np.int32)

    @property
    def precision(self) -> int:
        """Bits of the greatest number."""
        return 31

    def from_float(self, values: np.ndarray[Any, Any]) -> Storage:
        """Round to the nearest, ties to even; a NaN stays a NaN."""
        # Multiplying by a power of two is exact, or infinite.
        with np.errstate(over="ignore"):
            units = np.clip(np.rint(values * 2.0**self.fraction_bits), -GREATEST, GREATEST)
        return np.where(np.isnan(values), NAN, np.nan_to_num(units)).astype(np.int32)

    def to_float(self, x: Storage) -> np.ndarray[Any, Any]:
        """Return the exact values."""
        return np.where(x == NAN, np.nan, x * 2.0**-self.fraction_bits)

    def from_int(self, values: np.ndarray[Any, Any]) -> Storage:
        """Return the integers, or the greatest number."""
        near = np.clip(values, -(1 << 31), 1 << 31) << self.fraction_bits
        units: Storage = np.clip(near, -GREATEST, GREATEST).astype(np.int32)
        return units

    def encode(self, value: Exact) -> int:
        """Round one exact value once."""
        if value == NO_NUMBER:
            return NAN
        negative, _, e, size = value
        if value in (libmp.finf, libmp.fninf) or e + size > 32:
            return -GREATEST if negative or value == libmp.fninf else GREATEST
        if e + size < -self.fraction_bits - 1:
            return 0  # below half a unit, and its exponent may be of any size
        units = int(libmp.to_int(libmp.mpf_shift(value, self.fraction_bits), "n"))
        return max(-GREATEST, min(GREATEST, units))

    def encode_flagged(self, value: Exact) -> tuple[int, int]:
        """Raise NotImplementedError: no flags are kept."""
        raise NotImplementedError

    def decode(self, element: int) -> Exact:
        """Return one number's exact value."""
        value: Exact = libmp.from_man_exp(int(element), -self.fraction_bits)
        return NO_NUMBER if element == NAN else value

    def from_elements(self, elements: Iterable[Any], shape: tuple[int, ...]) -> Storage:
        """Return an array of units."""
        return np.array(list(elements), dtype=np.int32).reshape(shape)

    def is_element(self, element: Any) -> bool:
        """Return True: the dtype of the array decides."""
        return True

    def from_bits(self, bits: np.ndarray[Any, Any]) -> Storage:
        """Raise NotImplementedError: there is no format."""
        raise NotImplementedError

    def to_bits(self, x: Storage) -> np.ndarray[Any, Any]:
        """Raise NotImplementedError: there is no format."""
        raise NotImplementedError

    def to_bytes(self, x: Storage) -> bytes:
        """Return the units, least significant byte first."""
        return x.astype("<i4").tobytes()
