"""Narrow formats computed in the processor's binary64, where rounding twice is harmless.

A sum, product, quotient or square root of p-bit numbers, rounded to at least 2p + 2 bits and then
to p, equals the result of one rounding (Figueroa, "When is double rounding innocuous?", SIGNUM
1995).
"""

from __future__ import annotations

import numpy as np

from numlean.errors import UnavailableError
from numlean.verification.encoding import decode, round_to_even
from numlean.verification.hardware import UFUNCS
from numlean.verification.operands import Bits
from numlean.verification.reference import Choices, Raised
from numlean_kernels.formats import BINARY64, Format


class Double:
    """See :class:`numlean.verification.reference.ArithmeticReference`."""

    operations = {"add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 1}  # noqa: RUF012
    has_nan_bits = False

    def __init__(self, format: Format, choices: Choices) -> None:
        narrow = 2 * format.precision + 2 <= BINARY64.precision and format.exponent_bits <= 8
        kept = choices.subnormal == "keep" and choices.overflow == "infinite"
        if not narrow or choices.rounding != "ties_to_even" or not kept:
            raise UnavailableError(
                "binary64 replaces formats of at most 25 bits of precision and 8 exponent bits that"
                " round ties to even and keep subnormals and infinities"
            )
        self.format, self.choices = format, choices

    def compute(self, operation: str, x: list[Bits]) -> tuple[Bits, Raised | None]:
        """Return the encodings; there are no flags."""
        with np.errstate(all="ignore"):
            z = UFUNCS[operation](*(decode(self.format, a) for a in x))
        return round_to_even(self.format, z), None
