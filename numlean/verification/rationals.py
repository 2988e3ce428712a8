"""Exact rationals, for small formats: every operation, every choice, results and flags."""

from __future__ import annotations

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar.operations import BASIC
from numlean.testing.exact import ExactArithmetic
from numlean.testing.rounding import ROUNDINGS
from numlean.verification.nan_rules import PRODUCT_RULES
from numlean.verification.operands import Bits
from numlean.verification.reference import Choices, Raised
from numlean_kernels.formats import Format

_WIDEST = 12


class Rationals:
    """See :class:`numlean.verification.reference.ArithmeticReference`."""

    operations = {  # noqa: RUF012
        **BASIC,
        "rem": 2,
        **dict.fromkeys(("logb", "next_up", "next_down"), 1),
        **dict.fromkeys((f"round_to_integral {rounding}" for rounding in ROUNDINGS), 1),
        **dict.fromkeys(("minimum", "maximum", "min_num", "max_num"), 2),
        **dict.fromkeys(("eq", "lt", "le", "compare", "total_order"), 2),
    }
    has_nan_bits = False

    def __init__(self, format: Format, choices: Choices) -> None:
        if format.width > _WIDEST or choices.rounding not in ROUNDINGS:
            raise UnavailableError(
                f"rationals are for formats of at most {_WIDEST} bits and the roundings"
                f" {', '.join(ROUNDINGS)}"
            )
        self.format, self.choices = format, choices
        self._model = ExactArithmetic(
            format,
            choices.rounding,
            tininess=choices.tininess,
            flush=choices.subnormal == "flush",
            saturate=choices.overflow == "saturate",
            product_before_nan=choices.nan in PRODUCT_RULES,
        )

    def compute(self, operation: str, x: list[Bits]) -> tuple[Bits, Raised | None]:
        """Return the encodings and flags."""
        operands = zip(*(a.tolist() for a in x), strict=True)
        outcomes = [self._model.compute(operation, *given) for given in operands]
        z, raised = np.array(outcomes, dtype=np.int64).T
        dtype = self.format.storage_dtype
        is_encoding = operation not in ("eq", "lt", "le", "compare", "total_order")
        return z.astype(dtype if is_encoding else np.int64), raised.astype(np.uint8)
