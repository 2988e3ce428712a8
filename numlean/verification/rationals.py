"""Exact rationals, for small formats: every operation, every choice, results and flags."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar.operations import BASIC
from numlean.testing.exact import ExactArithmetic
from numlean.testing.rounding import ROUNDINGS
from numlean.verification.operands import Bits
from numlean.verification.reference import Choices, Raised
from numlean_kernels.formats import Format

_WIDEST = 12
_EXTREMA: Final = (
    *("minimum", "maximum", "min_num", "max_num", "minimum_number", "maximum_number"),
    *("minimum_magnitude", "maximum_magnitude"),
    *("minimum_magnitude_number", "maximum_magnitude_number"),
)
_RELATIONS: Final = tuple(
    prefix + name for prefix in ("", "signalling_") for name in ("eq", "lt", "le", "compare")
)
_BEYOND: Final = ("", " saturate", " wrap")
_INTEGERS: Final = (
    *(f"to_{kind}{width} toward_zero" for kind in ("int", "uint") for width in (8, 16, 32, 64)),
    *(f"to_{kind} ties_to_even{beyond}" for kind in ("int8", "uint32") for beyond in _BEYOND),
)


class Rationals:
    """See :class:`numlean.verification.reference.ArithmeticReference`."""

    operations = {  # noqa: RUF012
        **BASIC,
        **dict.fromkeys(("rem", "fmod", "next_after"), 2),
        **dict.fromkeys(("logb", "next_up", "next_down"), 1),
        **dict.fromkeys((f"round_to_integral {rounding}" for rounding in ROUNDINGS), 1),
        **dict.fromkeys((f"round_to_integral_exact {rounding}" for rounding in ROUNDINGS), 1),
        **dict.fromkeys(_EXTREMA, 2),
        **dict.fromkeys(_RELATIONS, 2),
        "total_order": 2,
        **dict.fromkeys(_INTEGERS, 1),
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
            overflow=choices.overflow,
            nan_rule=choices.nan,
        )

    def compute(self, operation: str, x: list[Bits]) -> tuple[Bits, Raised | None]:
        """Return the encodings and flags."""
        operands = zip(*(a.tolist() for a in x), strict=True)
        outcomes = [self._model.compute(operation, *given) for given in operands]
        z, raised = np.array(outcomes, dtype=object).T
        dtype: np.dtype[Any] = self.format.storage_dtype
        if operation in _INTEGERS:
            dtype = np.dtype(operation.split()[0].removeprefix("to_"))
        elif operation in (*_RELATIONS, "total_order"):
            dtype = np.dtype(np.int8)
        return z.astype(dtype), raised.astype(np.uint8)
