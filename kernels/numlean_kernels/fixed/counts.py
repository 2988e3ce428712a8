"""Codes as counts of units, and exact results brought into the format: rounded, and in range."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from numlean_kernels.fixed.builder import FixedBuilder, Maker
from numlean_kernels.fixed.formats import Beyond
from numlean_kernels.flags import INEXACT, OVERFLOW
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.protocol import Routine

EXACT, BELOW_HALF, HALF, ABOVE_HALF = range(4)
"""What is left of a magnitude below its last unit."""

_TOP: Final = 63


def make_count(builder: FixedBuilder) -> Routine:
    """Return ``count(a)``: the units of a code, as a signed integer."""
    word, long = builder.word, builder.long
    sign = word(builder.format.sign_mask)

    def count(a: Any) -> Any:
        return long(long(word(word(a) ^ sign)) - long(sign))

    return count


def make_size(builder: FixedBuilder) -> Routine:
    """Return ``size(n)``: the magnitude of a signed integer, as a word."""
    word, zero = builder.word, builder.word(0)

    def size(n: Any) -> Any:
        return word(zero - word(n)) if n < 0 else word(n)

    return size


def make_rest(builder: FixedBuilder) -> Routine:
    """Return ``rest(m, places)``: what the lowest ``places`` bits of m are of a unit, 0 to 63."""
    word, zero, one = builder.word, builder.word(0), builder.word(1)

    def rest(m: Any, places: Any) -> Any:
        low = word(m & word(word(one << places) - one))
        half = word(word(one << places) >> one)
        kind = HALF if low == half else (BELOW_HALF if low < half else ABOVE_HALF)
        return EXACT if low == zero else kind

    return rest


@cache
def goes_up(rounding: Rounding) -> Maker:
    """Return the maker of ``up(negative, n, rest)``: whether a magnitude rounds to n + 1."""

    def make(builder: FixedBuilder) -> Routine:
        word, zero, one = builder.word, builder.word(0), builder.word(1)
        to_even, away = rounding is Rounding.TIES_TO_EVEN, rounding is Rounding.TIES_TO_AWAY
        positive = rounding is Rounding.TOWARD_POSITIVE
        toward_negative = rounding is Rounding.TOWARD_NEGATIVE
        to_odd, always = rounding is Rounding.TO_ODD, rounding is Rounding.AWAY_FROM_ZERO

        def up(negative: Any, n: Any, rest: Any) -> Any:
            is_odd = word(n & one) != zero
            nearest = (rest == ABOVE_HALF) | ((rest == HALF) & (away | is_odd))
            directed = (positive & (not negative)) | (toward_negative & negative)
            directed = directed | (to_odd & (not is_odd)) | always
            return ((to_even | away) & nearest) | (directed & (rest != EXACT))

        return up

    return make


def make_settle(builder: FixedBuilder) -> Routine:
    """Return ``settle(negative, n, rest) -> (code, flags)``: a magnitude of n units and a rest.

    A result beyond the range saturates or wraps, and raises overflow and inexact.
    """
    format, word = builder.format, builder.word
    up, zero, one = builder.routine(goes_up(builder.arithmetic.rounding)), word(0), word(1)
    mask, greatest = word(format.code_mask), word(format.greatest)
    most_negative, least_code = word(-format.least), word(format.sign_mask)
    wraps = builder.arithmetic.beyond is Beyond.WRAP
    no_flag, inexact, overflow = word(0), word(INEXACT), word(OVERFLOW | INEXACT)

    def settle(negative: Any, n: Any, rest: Any) -> Any:
        n = word(n + one) if up(negative, n, rest) else word(n)
        code = word(word(zero - n) & mask) if negative else word(n & mask)
        beyond = n > (most_negative if negative else greatest)
        end = least_code if negative else greatest
        flags = overflow if beyond else (no_flag if rest == EXACT else inexact)
        return (end if beyond & (not wraps) else code), flags

    return settle


def make_settle_shifted(builder: FixedBuilder) -> Routine:
    """Return ``settle_shifted(negative, m, places) -> (code, flags)``: m / 2**places units.

    m is below 2**63, so that less than a half is left of it where it is shifted by more places.
    ``places`` is a signed integer; if it is negative, m is multiplied by a power of two.
    """
    word, long, clz = builder.word, builder.long, builder.clz
    settle, rest_of = builder.routine(make_settle), builder.routine(make_rest)
    zero, one, top, zero_long = word(0), word(1), long(_TOP), long(0)
    wraps = builder.arithmetic.beyond is Beyond.WRAP
    too_great, overflow = word(1 << _TOP), word(OVERFLOW | INEXACT)

    def settle_shifted(negative: Any, m: Any, places: Any) -> Any:
        far = places > top
        right = word(top if far else (places if places > zero_long else zero_long))
        n, rest = word(m >> right), rest_of(m, right)
        n = zero if far else n
        rest = (EXACT if m == zero else BELOW_HALF) if far else rest
        left = long(zero_long - places) if places < zero_long else zero_long
        lost = (n != zero) & (left > long(clz(n if n != zero else one)))
        shifted = word(n << word(left if left < top else top)) if left <= top else zero
        # What wraps needs only the low bits of a magnitude that leaves the word.
        code, flags = settle(negative, shifted if wraps | (not lost) else too_great, rest)
        return code, (overflow if lost else flags)

    return settle_shifted
