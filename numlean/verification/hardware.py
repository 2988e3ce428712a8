"""The processor's binary32 and binary64.

numpy computes all operations but fma, which it lacks; for fma, the processor's instruction is
called. Where the result is a NaN, the hardware reports only that.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar.operations import BASIC
from numlean.scalar.registry import get_scalar
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
    has_nan_bits = False

    def __init__(self, format: Format, choices: Choices) -> None:
        if format not in _REALS or choices != Choices():
            raise UnavailableError(
                "the hardware computes binary32 and binary64 with the default options only"
            )
        self.format, self.choices = format, choices
        self._real = _REALS[format]

    def compute(self, operation: str, x: list[Bits]) -> tuple[Bits, Raised | None]:
        """Return the encodings; the processor has no flags of single operations."""
        floats = [a.view(self._real) for a in x]
        with np.errstate(all="ignore"):
            if operation == "fma":
                z = get_scalar(np.dtype(self._real).name).fma(*floats)
            else:
                z = UFUNCS[operation](*floats)
        return z.view(self.format.storage_dtype), None
