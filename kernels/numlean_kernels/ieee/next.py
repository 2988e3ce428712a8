"""The next larger and the next smaller number (clause 5.3.1)."""

from __future__ import annotations

from typing import Any

from numlean_kernels.flags import INVALID
from numlean_kernels.ieee.compare import make_eq, make_lt
from numlean_kernels.ieee.nan import make_is_nan, make_is_signalling, make_propagate
from numlean_kernels.ieee.rounding import make_infinite
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Routine


def make_next_up(builder: RoutineBuilder) -> Routine:
    """Return ``next_up(a) -> (z, flags)``: the smallest number greater than a.

    The neighbour of either zero is the smallest positive number; that of -infinity is the most
    negative finite number; +infinity remains, unless the arithmetic saturates. A NaN propagates.
    """
    return _next(builder, upward=True)


def make_next_down(builder: RoutineBuilder) -> Routine:
    """Return ``next_down(a) -> (z, flags)``: -next_up(-a)."""
    return _next(builder, upward=False)


def make_next_after(builder: RoutineBuilder) -> Routine:
    """Return ``next_after(a, b) -> (z, flags)``: the neighbour of a toward b; b if they are equal.

    A NaN propagates. Only a signalling NaN raises a flag, as for ``next_up``.
    """
    up, down = builder.routine(make_next_up), builder.routine(make_next_down)
    lt, eq, word = builder.routine(make_lt), builder.routine(make_eq), builder.word
    is_nan, is_signalling = builder.routine(make_is_nan), builder.routine(make_is_signalling)
    propagate = builder.routine(make_propagate)
    no_flag, invalid_flag = word(0), word(INVALID)

    def next_after(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        above, _ = up(a)
        under, _ = down(a)
        z = above if lt(a, b) else under
        z = b if eq(a, b) else z
        signalling = invalid_flag if is_signalling(a) | is_signalling(b) else no_flag
        return (propagate(a, b) if is_nan(a) | is_nan(b) else z), signalling

    return next_after


def _next(builder: RoutineBuilder, *, upward: bool) -> Routine:
    word, is_nan = builder.word, builder.routine(make_is_nan)
    is_signalling, propagate = builder.routine(make_is_signalling), builder.routine(make_propagate)
    infinite = builder.routine(make_infinite)
    sign_mask, magnitude_mask, max_finite = builder.words(
        "sign_mask", "magnitude_mask", "max_finite"
    )
    one, no_flag, invalid_flag = word(1), word(0), word(INVALID)
    ahead = word(0) if upward else sign_mask

    def neighbour(a: Any) -> Any:
        a = word(a)
        magnitude, sign = word(a & magnitude_mask), word(a & sign_mask)
        away = word(sign | word(magnitude + one))
        away = infinite(sign) if magnitude >= max_finite else away
        back = word(sign | word(magnitude - one))
        z = away if sign == ahead else back
        z = word(ahead | one) if magnitude == 0 else z
        signalling = invalid_flag if is_signalling(a) else no_flag
        return (propagate(a, a) if is_nan(a) else z), signalling

    return neighbour
