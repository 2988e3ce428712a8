"""GNU MPFR, through gmpy2: correctly rounded at any precision, with subnormal numbers.

The flags are derived from MPFR's reports: whether a result is exact, and its value with an
unbounded exponent.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar.operations import BASIC
from numlean.verification.encoding import decode, encode, is_signalling
from numlean.verification.nan_rules import PRODUCT_RULES, is_open_product
from numlean.verification.operands import Bits
from numlean.verification.reference import Choices, Raised
from numlean_kernels.flags import DIVIDE_BY_ZERO, INEXACT, INVALID, OVERFLOW, UNDERFLOW
from numlean_kernels.formats import Format

ROUNDINGS: Final = {
    "ties_to_even": "RoundToNearest",
    "toward_zero": "RoundToZero",
    "toward_positive": "RoundUp",
    "toward_negative": "RoundDown",
}


class Mpfr:
    """See :class:`numlean.verification.reference.ArithmeticReference`."""

    operations = BASIC
    has_nan_bits = False

    def __init__(self, format: Format, choices: Choices) -> None:
        try:
            import gmpy2
        except ImportError:
            raise UnavailableError("MPFR needs gmpy2: pip install 'numlean[fast]'") from None
        kept = choices.subnormal == "keep" and choices.tininess == "after"
        kept &= choices.overflow == "infinite" and format.has_infinity
        if choices.rounding not in ROUNDINGS or not kept:
            raise UnavailableError(
                f"MPFR rounds {', '.join(ROUNDINGS)}, keeps subnormals and infinities, and detects"
                " underflow after rounding"
            )
        self.format, self.choices = format, choices
        self._mpfr, self._exponent = gmpy2.mpfr, gmpy2.get_exp
        rounding = getattr(gmpy2, ROUNDINGS[choices.rounding])
        self._unbounded = gmpy2.context(precision=format.precision, round=rounding)
        # MPFR's significands lie in [1/2, 1), and its emin is that of the least subnormal number.
        self._bounded = gmpy2.context(
            precision=format.precision,
            round=rounding,
            emax=format.emax + 1,
            emin=format.emin - format.trailing_bits + 1,
            subnormalize=True,
        )

    def compute(self, operation: str, x: list[Bits]) -> tuple[Bits, Raised | None]:
        """Return the encodings and flags."""
        mpfr, exponent = self._mpfr, self._exponent
        floats = [decode(self.format, a).tolist() for a in x]
        unbounded = getattr(self._unbounded, operation)
        bounded = getattr(self._bounded, operation)
        least, most = self.format.emin + 1, self.format.emax + 1
        z, raised = np.empty(len(x[0])), np.zeros(len(x[0]), np.uint8)
        for k, given in enumerate(zip(*floats, strict=True)):
            operands = [mpfr(value) for value in given]
            result = unbounded(*operands)
            if result.is_regular():
                e = exponent(result)
                tiny, huge = e < least, e > most
                if tiny or huge:
                    result = bounded(*operands)
                inexact = result.rc != 0
                raised[k] = inexact * (INEXACT | tiny * UNDERFLOW | huge * OVERFLOW)
            z[k] = result
        return encode(self.format, z), raised | self._special_flags(operation, x, floats, z)

    def _special_flags(
        self, operation: str, x: list[Bits], floats: list[list[float]], z: Any
    ) -> Raised:
        nan_operand = np.any([np.isnan(f) for f in floats], axis=0)
        signalling = np.any([is_signalling(self.format, a) for a in x], axis=0)
        invalid = signalling | (np.isnan(z) & ~nan_operand)
        if operation == "fma" and self.choices.nan in PRODUCT_RULES:
            invalid |= is_open_product(self.format, self.choices, x)
        by_zero = np.zeros(len(z), np.bool_)
        if operation == "div":
            a, b = (np.array(f) for f in floats)
            by_zero = np.isfinite(a) & (a != 0) & (b == 0)
        flags: Raised = (INVALID * invalid + DIVIDE_BY_ZERO * by_zero).astype(np.uint8)
        return flags
