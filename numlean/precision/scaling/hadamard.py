"""The Hadamard transform of NVFP4's recipe, along the contracted axis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, final

import numpy as np

from numlean.arguments import checked
from numlean.errors import NumleanError
from numlean.rng import UniformStream
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.record import recorded_like
from numlean.scalar.registry import get_scalar

GROUP: Final = 16
"""The numbers that are transformed together."""

_SIGNS: Final = (1, 1, 1, -1, 1, -1, -1, -1, -1, -1, -1, 1, -1, 1, -1, -1)
"""The signs that TransformerEngine's reference fixes."""

_NARROW: Final = "bfloat16"


@checked
@final
@dataclass(frozen=True)
class Hadamard:
    """Each group of 16 numbers along the last axis, as a row, times (1/4) diag(d) H.

    H is Sylvester's matrix, and d are signs, so the matrix is orthogonal.

    Attributes:
        seed: The seed of the signs: sign k is -1 where word k of ``numpy.random.Philox(seed)`` is
            at least 2**63. None for the signs that TransformerEngine's reference fixes.

    Raises:
        NumleanError: The seed is not from 0 to 2**64 - 1.
    """

    seed: int | None = None

    def __post_init__(self) -> None:
        if self.seed is not None and not 0 <= self.seed < 1 << 64:
            raise NumleanError(
                f"the seed of a Hadamard transform is from 0 to 2**64 - 1, got {self.seed}"
            )

    @property
    def signs(self) -> tuple[int, ...]:
        """The signs d."""
        if self.seed is None:
            return _SIGNS
        return tuple(-1 if u >= 0.5 else 1 for u in UniformStream(self.seed)((GROUP,)))

    def transformed(self, wide: Scalar, v: Storage) -> Storage:
        """Return numbers (..., k) transformed.

        Numbers are rounded to bfloat16, products and sums computed in ``wide``, k ascending, and
        rounded to bfloat16 once. A length that 16 does not divide is padded with zeros, in the
        result too: both operands of a product are, so their sums are the same.
        """
        narrow = recorded_like(wide, get_scalar(_NARROW, wide.device))
        whole = (*v.shape[:-1], -(-v.shape[-1] // GROUP) * GROUP)
        x = wide.cast_from(narrow, narrow.cast_from(wide, v))
        if whole != v.shape:
            x = wide.pad(x, whole, tuple(slice(extent) for extent in v.shape))
        rows = wide.matmul(x.reshape(-1, GROUP), wide.from_float(matrix(self)))
        return wide.cast_from(narrow, narrow.cast_from(wide, rows)).reshape(whole)

    def __str__(self) -> str:
        return "hadamard" if self.seed is None else f"hadamard(seed={self.seed})"


@cache
def matrix(transform: Hadamard) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the matrix of a transform."""
    indices = np.arange(GROUP)
    odd = [[int(i & j).bit_count() % 2 for j in indices] for i in indices]
    return np.asarray(np.array(transform.signs)[:, np.newaxis] * (1 - 2 * np.array(odd)) / 4)
