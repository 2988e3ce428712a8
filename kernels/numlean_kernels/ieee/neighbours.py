"""Neighbouring numbers, classes, and the order of all encodings (clauses 5.3.1, 5.7.2, 5.10)."""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.flags import INVALID
from numlean_kernels.ieee.compare import make_order_key
from numlean_kernels.ieee.nan import make_is_nan, make_is_signalling, make_propagate
from numlean_kernels.ieee.rounding import make_infinite
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
"""The classes of numbers, by what ``class_of`` gives."""


def make_next_up(builder: RoutineBuilder) -> Routine:
    """Return ``next_up(a) -> (z, flags)``: the least number greater than a.

    The neighbour of either zero is the least positive number; that of -infinity the most negative
    finite one; +infinity is its own. A NaN propagates.
    """
    return _next(builder, upward=True)


def make_next_down(builder: RoutineBuilder) -> Routine:
    """Return ``next_down(a) -> (z, flags)``: -next_up(-a)."""
    return _next(builder, upward=False)


def _next(builder: RoutineBuilder, *, upward: bool) -> Routine:
    word, is_nan = builder.word, builder.routine(make_is_nan)
    is_signalling, propagate = builder.routine(make_is_signalling), builder.routine(make_propagate)
    infinite = builder.routine(make_infinite)
    sign_mask, magnitude_mask, infinity, max_finite = builder.words(
        "sign_mask", "magnitude_mask", "infinity", "max_finite"
    )
    one, no_flag, invalid_flag = word(1), word(0), word(INVALID)
    ahead = word(0) if upward else sign_mask

    def neighbour(a: Any) -> Any:
        a = word(a)
        magnitude, sign = word(a & magnitude_mask), word(a & sign_mask)
        away = word(sign | word(magnitude + one))
        away = infinite(sign) if magnitude == max_finite else away
        away = a if magnitude == infinity else away
        back = word(sign | word(magnitude - one))
        z = away if sign == ahead else back
        z = word(ahead | one) if magnitude == 0 else z
        signalling = invalid_flag if is_signalling(a) else no_flag
        return (propagate(a, a) if is_nan(a) else z), signalling

    return neighbour


def make_classify(builder: RoutineBuilder) -> Routine:
    """Return ``class_of(a)``: the index in ``CLASSES`` of what kind of number a is."""
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


def make_total_order(builder: RoutineBuilder) -> Routine:
    """Return ``total_order(a, b)``: whether a comes before b or is b, NaNs and zeros included."""
    word, order_key = builder.word, builder.routine(make_order_key)

    def total_order(a: Any, b: Any) -> Any:
        return order_key(word(a)) <= order_key(word(b))

    return total_order


def make_copy_sign(builder: RoutineBuilder) -> Routine:
    """Return ``copy_sign(a, b)``: a with the sign of b; no NaN is touched."""
    word = builder.word
    sign_mask, magnitude_mask = builder.words("sign_mask", "magnitude_mask")

    def copy_sign(a: Any, b: Any) -> Any:
        return word((word(a) & magnitude_mask) | (word(b) & sign_mask))

    return copy_sign
