"""Conversions between a Scalar's storage and other representations of its numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from numlean.scalar.exact import Exact
from numlean.scalar.protocol import Storage
from numlean_kernels.formats import Format
from numlean_kernels.tapered.formats import TaperedFormat


class Codec(Protocol):
    """Conversions between storage arrays and the outside; the part of a Scalar without kernels.

    Inputs are numpy arrays of the dtype each method names; shapes are kept. Scalars are equal only
    if their codecs are: compare codecs by value, as a frozen dataclass does.
    """

    @property
    def format(self) -> Format | None:
        """The format of the encodings; None if there are none."""

    @property
    def storage_dtype(self) -> np.dtype[Any]:
        """The dtype of storage arrays."""

    @property
    def precision(self) -> int:
        """Significant bits of a number."""

    def from_float(self, values: np.ndarray[Any, Any]) -> Storage:
        """Round binary64 values once."""

    def to_float(self, x: Storage) -> np.ndarray[Any, Any]:
        """Return the values as binary64."""

    def from_int(self, values: np.ndarray[Any, Any]) -> Storage:
        """Round int64 values once."""

    def encode(self, value: Exact) -> Any:
        """Round one exact value, which is not -0, to an element of storage."""

    def encode_flagged(self, value: Exact) -> tuple[Any, int]:
        """Round as ``encode`` does, and return the flags that this raises, as bits.

        Raises:
            NotImplementedError: The arithmetic keeps no flags.
        """

    def decode(self, element: Any) -> Exact:
        """Return the exact value of one element, which may be a NaN, an infinity or zero."""

    def from_elements(self, elements: Iterable[Any], shape: tuple[int, ...]) -> Storage:
        """Return a storage array of elements that ``encode`` returned."""

    def is_element(self, element: Any) -> bool:
        """Return whether an object is a number of this storage; only called for object arrays."""

    def from_bits(self, bits: np.ndarray[Any, Any]) -> Storage:
        """Take encodings of the format's storage dtype; only called if there is a format."""

    def to_bits(self, x: Storage) -> np.ndarray[Any, Any]:
        """Return the encodings; only called if there is a format."""

    def to_bytes(self, x: Storage) -> bytes:
        """Return the elements in C order, in a form that is equal only for identical elements."""


@runtime_checkable
class CodesCodec(Protocol):
    """A codec without a format whose numbers have codes nevertheless, as those of posits."""

    @property
    def code_width(self) -> int:
        """The number of bits of a code."""

    def from_bits(self, bits: np.ndarray[Any, Any]) -> Storage:
        """Take codes, in the storage's dtype."""

    def to_bits(self, x: Storage) -> np.ndarray[Any, Any]:
        """Return the codes."""


@runtime_checkable
class TaperedCodesCodec(Protocol):
    """A codec whose storage holds the codes of a tapered format."""

    @property
    def codes(self) -> TaperedFormat:
        """The format of the codes."""
