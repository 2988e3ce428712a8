"""Rounding of a value of which all is known that can matter: a place on a grid, and if it is on it.

**Notation.** The *index* of a magnitude counts the points of a grid four times as fine as the
format's numbers, the point's own and those below: magnitude's encoding times four, plus the next
two bits of the value. ``more`` tells whether the value lies above that point, and so strictly
between it and the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numlean.verification.reference import Choices
from numlean_kernels.flags import INEXACT, OVERFLOW, UNDERFLOW
from numlean_kernels.formats import Format

_NEVER, _ALWAYS, _EVEN, _AWAY, _ODD = range(5)

_KINDS: Final = {
    "ties_to_even": (_EVEN, _EVEN),
    "ties_to_away": (_AWAY, _AWAY),
    "toward_zero": (_NEVER, _NEVER),
    "toward_positive": (_ALWAYS, _NEVER),
    "toward_negative": (_NEVER, _ALWAYS),
    "to_odd": (_ODD, _ODD),
}
"""What a magnitude between numbers does, of positive and of negative values (clause 4.3)."""

ROUNDINGS: Final = tuple(_KINDS)

RoundedFrom = Callable[[Any, Any, Any], tuple[Any, Any]]


def beyond(format: Format) -> int:
    """The index of the least magnitude that is too great to be told from any greater one."""
    return (format.max_finite + 1) << 2


def index_of(format: Format, magnitude: int, exponent: int) -> tuple[int, bool]:
    """The index of magnitude * 2**exponent, and whether there is more."""
    if magnitude == 0:
        return 0, False
    e = magnitude.bit_length() - 1 + exponent
    if e > format.emax:
        return beyond(format), False
    shift = exponent - (max(e, format.emin) - format.trailing_bits - 2)
    if -shift > magnitude.bit_length():
        return 0, True
    point, lost = (magnitude << shift, 0) if shift >= 0 else divmod(magnitude, 1 << -shift)
    index = (max(e - format.emin, 0) << (format.trailing_bits + 2)) + point
    return min(index, beyond(format)), lost != 0


def make_goes_up() -> Callable[[Any, Any, Any, Any], Any]:
    """Return ``goes_up(kind, kept, next_bits, more)``: whether a magnitude goes up, not down.

    ``next_bits`` are the two bits after those kept.
    """

    def goes_up(kind: Any, kept: Any, next_bits: Any, more: Any) -> Any:
        inexact = (next_bits != 0) | more
        if kind == _ALWAYS:
            return inexact
        if kind == _EVEN:
            return (next_bits > 2) | ((next_bits == 2) & (more | (kept & 1 == 1)))
        if kind == _AWAY:
            return next_bits >= 2
        if kind == _ODD:
            return inexact & (kept & 1 == 0)
        return False

    return goes_up


def make_round(
    format: Format, choices: Choices, compiled: Callable[[Any], Any] = lambda f: f
) -> RoundedFrom:
    """Return ``rounded_from(negative, index, more) -> (encoding, flags)`` of a finite value.

    Underflow is judged by rounding to as many bits as a normal number has (clause 7.5).

    Args:
        format: Of the encoding.
        choices: Its rounding and tininess matter.
        compiled: What makes a function callable from compiled ones.
    """
    positive, negative_kind = _KINDS[choices.rounding]
    goes_up = compiled(make_goes_up())
    least_normal, ones = format.implicit_bit << 2, (format.implicit_bit << 1) - 1
    max_finite, sign_mask = format.max_finite, format.sign_mask
    after = choices.tininess == "after"
    infinite = [format.infinity, format.infinity | sign_mask]
    if not format.has_infinity:
        infinite = [format.default_nan, format.default_nan]
    positive_infinity, negative_infinity = infinite

    def rounded_from(negative: Any, index: Any, more: Any) -> tuple[Any, Any]:
        kind = negative_kind if negative else positive
        kept, next_bits = index >> 2, index & 3
        inexact = (next_bits != 0) | more
        magnitude = kept + (1 if goes_up(kind, kept, next_bits, more) else 0)
        if magnitude > max_finite:
            if (kind == _NEVER) | (kind == _ODD):
                return max_finite | (sign_mask if negative else 0), OVERFLOW | INEXACT
            return (negative_infinity if negative else positive_infinity), OVERFLOW | INEXACT
        tiny = index < least_normal
        if after & tiny & (index >> 1 == ones):
            # With one bit more, as an unbounded exponent has it, this may be the least normal one.
            tiny = not goes_up(kind, ones, (index & 1) << 1, more)
        flags = (INEXACT | (UNDERFLOW if tiny else 0)) if inexact else 0
        return magnitude | (sign_mask if negative else 0), flags

    return rounded_from
