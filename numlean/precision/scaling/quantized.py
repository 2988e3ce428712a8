"""Numbers of an operand as a contraction multiplies them: codes, and factors that undo scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from numlean.precision.accumulation import cast_storage
from numlean.scalar.protocol import Numbers, Scalar, Storage
from numlean.scalar.record import recorded_like
from numlean.scalar.registry import get_scalar

WIDE: Final = "float64"
"""The dtype that has the values of codes."""


@final
@dataclass(frozen=True)
class Quantized:
    """Numbers of an operand as a contraction multiplies them.

    Attributes:
        codes: The scaled numbers in the operand's Scalar, of the operand's shape (..., n, k).
        inverses: The factors that undo the scales, of a shape that broadcasts to (..., n, blocks
            of k), in the Scalar of the scales.
        scales: That Scalar.
        terms: The number of k of a block; None if one factor serves all k.
        is_integer: Whether the codes are integers of 8 bits.
        whole: A further factor, of all codes, of shape (1,); None for none.
        numbers: The numbers that are scaled, of the codes' shape: those after a transform, if there
            is one. None where they are not known.
    """

    codes: Storage
    inverses: Storage
    scales: Scalar
    terms: int | None
    is_integer: bool = False
    whole: Numbers | None = None
    numbers: Numbers | None = None

    def inverses_at(self, k: int) -> Storage:
        """Return the factors of the block that contains k, of shape (..., n or 1, 1)."""
        block = 0 if self.terms is None or self.inverses.size == 1 else k // self.terms
        return self.inverses[..., block : block + 1]

    def values(self, scalar: Scalar) -> Numbers:
        """Return the values of the codes, of a Scalar, in binary64; exact where that has them."""
        wide = recorded_like(scalar, get_scalar(WIDE, scalar.device))
        factors = cast_storage(wide, self.scales, self.inverses)
        if self.whole is not None:
            factors = wide.mul(factors, cast_storage(wide, *self.whole))
        if self.terms is not None and factors.shape[-1] > 1:
            spread = np.broadcast_to(factors[..., np.newaxis], (*factors.shape, self.terms))
            each = wide.copy(spread).reshape(*factors.shape[:-1], -1)
            factors = each[..., : self.codes.shape[-1]]
        return Numbers(wide, wide.mul(cast_storage(wide, scalar, self.codes), factors))

    @property
    def factors(self) -> Numbers:
        """The factor of each code, of a shape that broadcasts to that of the codes."""
        each = self.inverses
        if self.whole is not None:
            each = self.scales.mul(each, cast_storage(self.scales, *self.whole))
        if self.terms is not None and each.shape[-1] > 1:
            each = np.repeat(each, self.terms, axis=-1)[..., : self.codes.shape[-1]]
        return Numbers(self.scales, each)

    @property
    def turned_factors(self) -> Numbers:
        """The same for codes whose last two axes are exchanged."""
        return Numbers(self.scales, turned_rows(self.factors.storage))


def turned_rows(x: Storage) -> Storage:
    """Return a right operand (..., k, m) as rows (..., m, k), or rows as that operand: a view."""
    return np.swapaxes(x, -1, -2)
