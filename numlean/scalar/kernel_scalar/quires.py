"""Arrays of quires, on the device of a Scalar of posits: sums of products that are not rounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

from numlean.scalar.kernel_scalar.components import Components, contiguous, kernel
from numlean.scalar.protocol import Storage
from numlean_kernels.ieee.exact_sums import WORD
from numlean_kernels.loops.quire import accumulate, round_quires
from numlean_kernels.tapered.sums import QuireFormat

_MASK: Final = (1 << WORD) - 1


@final
@dataclass(frozen=True)
class QuireArray:
    """Quires in a row; its methods change them in place.

    Attributes:
        scalar: The Scalar of the posits.
        quire: The format of the quires.
        nar: A byte for each quire, 1 if it is NaR.
        work: The words of each quire, the least significant first: see
            :mod:`numlean_kernels.loops.quire`.
    """

    scalar: Components
    quire: QuireFormat
    nar: np.ndarray[Any, np.dtype[np.uint8]]
    work: np.ndarray[Any, np.dtype[np.int64]]

    @classmethod
    def zeros(cls, scalar: Components, quire: QuireFormat, count: int) -> QuireArray:
        """Return a number of quires that are zero."""
        make = scalar.target.empty_host_visible
        made = cls(scalar, quire, make(count, np.uint8), make((count, quire.words), np.int64))
        made.clear()
        return made

    def clear(self) -> None:
        """Set every quire to zero."""
        self.nar[...] = 0
        self.work[...] = 0

    def copy(self) -> QuireArray:
        """Return quires of the same values."""
        made = QuireArray.zeros(self.scalar, self.quire, len(self.nar))
        made.nar[...], made.work[...] = self.nar, self.work
        return made

    def add_products(self, a: Storage, b: Storage) -> None:
        """Add the sums of products of codes a (batch, n, k) and b (batch, m, k), n * m in each."""
        operands = (contiguous(self.scalar, x) for x in (a, b))
        launch = kernel(self.scalar, accumulate(self.quire))
        launch(self.nar.shape, *operands, self.nar, self.work)
        self._clear_nar()

    def add_quires(self, other: QuireArray) -> None:
        """Add the quires of an array of as many."""
        self.work[...] += other.work
        self.nar[...] |= other.nar
        self._normalize()

    def negate(self) -> None:
        """Change the sign of every quire."""
        np.negative(self.work, out=self.work)
        self._normalize()

    def rounded(self) -> Storage:
        """Return the codes of the nearest posits."""
        z = self.scalar.target.empty(self.nar.shape, self.scalar.codec.storage_dtype)
        kernel(self.scalar, round_quires(self.quire))(self.nar.shape, self.nar, self.work, z)
        return z

    def encodings(self) -> list[int]:
        """Return the quires as integers in two's complement, without a sign."""
        values = np.zeros(len(self.nar), dtype=object)
        for w in reversed(range(self.quire.words)):
            values = (values << WORD) + self.work[:, w].astype(object)
        mask, nar = (1 << self.quire.width) - 1, 1 << (self.quire.width - 1)
        pairs = zip(values.tolist(), self.nar.tolist(), strict=True)
        return [nar if is_nar else (v >> self.quire.places_below) & mask for v, is_nar in pairs]

    def set_encodings(self, encodings: list[int]) -> None:
        """Set the quires to integers from 0 to 2**width - 1."""
        nar = 1 << (self.quire.width - 1)
        for k, encoding in enumerate(encodings):
            self.nar[k] = encoding == nar
            value = 0 if encoding == nar else ((encoding ^ nar) - nar) << self.quire.places_below
            for w in range(self.quire.words - 1):
                self.work[k, w], value = value & _MASK, value >> WORD
            self.work[k, -1] = value

    def _normalize(self) -> None:
        """Carry from word to word, and find the quires that are out of range."""
        last = self.quire.words - 1
        for w in range(last):
            self.work[:, w + 1] += self.work[:, w] >> WORD
            self.work[:, w] &= _MASK
        top, bits = self.work[:, last], self.quire.top_bits
        sign = top >> bits
        is_least = (sign == -1) & (top & ((1 << bits) - 1) == 0) & ~self.work[:, :last].any(axis=1)
        self.nar[is_least | ((sign != 0) & (sign != -1))] = 1
        self._clear_nar()

    def _clear_nar(self) -> None:
        self.work[self.nar != 0] = 0
