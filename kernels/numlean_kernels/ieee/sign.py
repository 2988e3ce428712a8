"""Operations on the sign bit (clause 5.5.1); neg and abs also make NaNs quiet."""

from __future__ import annotations

from typing import Any

from numlean_kernels.ieee.nan import make_quiet
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine


def make_neg(builder: RoutineBuilder) -> Routine:
    """Return ``neg(a)``: the sign bit flipped, NaNs made quiet."""
    word, quiet = builder.word, builder.routine(make_quiet)
    (sign_mask,) = builder.words("sign_mask")

    def neg(a: Any) -> Any:
        return word(quiet(word(a)) ^ sign_mask)

    return neg


def make_abs(builder: RoutineBuilder) -> Routine:
    """Return ``abs(a)``: the sign bit cleared, NaNs made quiet."""
    word, quiet = builder.word, builder.routine(make_quiet)
    (magnitude_mask,) = builder.words("magnitude_mask")

    def abs_(a: Any) -> Any:
        return word(quiet(word(a)) & magnitude_mask)

    return abs_


def make_copy_sign(builder: RoutineBuilder) -> Routine:
    """Return ``copy_sign(a, b)``: a with the sign of b; NaNs are not made quiet."""
    word = builder.word
    sign_mask, magnitude_mask = builder.words("sign_mask", "magnitude_mask")

    def copy_sign(a: Any, b: Any) -> Any:
        return word((word(a) & magnitude_mask) | (word(b) & sign_mask))

    return copy_sign
