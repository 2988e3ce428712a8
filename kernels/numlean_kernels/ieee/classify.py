"""The class of a number (clause 5.7.2)."""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.ieee.nan import make_is_nan, make_is_signalling
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine

CLASSES: Final = (
    "signalling NaN",
    "quiet NaN",
    "negative infinity",
    "negative normal",
    "negative subnormal",
    "negative zero",
    "positive zero",
    "positive subnormal",
    "positive normal",
    "positive infinity",
)
"""The classes of numbers, by the index that ``classify`` returns."""


def make_classify(builder: RoutineBuilder) -> Routine:
    """Return ``classify(a)``: the index of the class of a in ``CLASSES``."""
    word, is_nan, is_signalling = (
        builder.word,
        builder.routine(make_is_nan),
        builder.routine(make_is_signalling),
    )
    sign_mask, magnitude_mask, infinity, implicit_bit = builder.words(
        "sign_mask", "magnitude_mask", "infinity", "implicit_bit"
    )

    def classify(a: Any) -> Any:
        a = word(a)
        magnitude = word(a & magnitude_mask)
        finite = 1 if magnitude == 0 else (2 if magnitude < implicit_bit else 3)
        size = 4 if magnitude == infinity else finite
        number = 6 - size if word(a & sign_mask) != 0 else 5 + size
        nan = 0 if is_signalling(a) else 1
        return nan if is_nan(a) else number

    return classify
