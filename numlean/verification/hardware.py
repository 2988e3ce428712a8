"""The processor's binary32 and binary64.

numpy computes all operations but fma, which it lacks; for fma, the processor's instruction is
called. Where the result is a NaN, the hardware reports only that. A transcription of the NaN rule,
which shares no code with the routines, selects the NaN.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar.operations import BASIC
from numlean.scalar.registry import get_scalar
from numlean.verification.encoding import is_nan, is_signalling
from numlean.verification.operands import Bits
from numlean.verification.reference import Choices, Raised
from numlean_kernels.formats import BINARY32, BINARY64, Format

_REALS: Final[dict[Format, Any]] = {BINARY32: np.float32, BINARY64: np.float64}
UFUNCS: Final[dict[str, Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "sqrt": np.sqrt,
}
"""The operations that numpy has."""


class Hardware:
    """See :class:`numlean.verification.reference.ArithmeticReference`."""

    operations = BASIC
    compares_nan_bits = True

    def __init__(self, format: Format, choices: Choices) -> None:
        if format not in _REALS or choices != Choices():
            raise UnavailableError(
                "the hardware computes binary32 and binary64 with the default options only"
            )
        self.format = format
        self._real = _REALS[format]

    def compute(self, operation: str, x: list[Bits]) -> tuple[Bits, Raised | None]:
        """Return the encodings; the processor has no flags of single operations."""
        floats = [a.view(self._real) for a in x]
        with np.errstate(all="ignore"):
            if operation == "fma":
                z = get_scalar(np.dtype(self._real).name).fma(*floats)
            else:
                z = UFUNCS[operation](*floats)
        # sub(a, b) is add(a, neg(b)), and neg quiets a NaN and flips its sign.
        operands = [x[0], negated(self.format, x[1])] if operation == "sub" else x
        nans = prescribed_nan(self.format, operands)
        return np.where(np.isnan(z), nans, z.view(self.format.storage_dtype)), None


def negated(format: Format, a: Bits) -> Bits:
    """Return encodings with their signs flipped and NaNs made quiet."""
    word = format.storage_dtype.type
    flipped = a ^ word(format.sign_mask)
    return np.where(is_nan(format, a), flipped | word(format.quiet_bit), flipped)


def prescribed_nan(format: Format, x: list[Bits]) -> Bits:
    """Return the first signalling NaN, quieted, else the first quiet NaN, else the default."""
    word = format.storage_dtype.type
    result = np.full(len(x[0]), word(format.default_nan))
    for signalling in (False, True):
        for a in reversed(x):
            chosen = is_nan(format, a) & (is_signalling(format, a) == signalling)
            result = np.where(chosen, a | word(format.quiet_bit), result)
    return result
