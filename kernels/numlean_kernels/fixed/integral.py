"""Rounding to integers, conversion to them, scaling by powers of two, and exponents."""

from __future__ import annotations

from functools import cache
from typing import Any

from numlean_kernels.fixed.builder import FixedBuilder, Maker
from numlean_kernels.fixed.convert import make_from_int64
from numlean_kernels.fixed.counts import (
    EXACT,
    goes_up,
    make_count,
    make_rest,
    make_settle,
    make_settle_shifted,
    make_size,
)
from numlean_kernels.flags import DIVIDE_BY_ZERO, INEXACT, INVALID
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.protocol import Routine

_FARTHEST = 256
"""Scaling by this power of two, or a greater one, takes every number out of the range."""


@cache
def _whole(rounding: Rounding) -> Maker:
    """Return the maker of ``whole(x) -> (n, rest)``: the magnitude of a count as an integer."""

    def make(builder: FixedBuilder) -> Routine:
        word, one, size = builder.word, builder.word(1), builder.routine(make_size)
        up, rest_of = builder.routine(goes_up(rounding)), builder.routine(make_rest)
        places = word(builder.format.fraction_bits)

        def whole(x: Any) -> Any:
            m = size(x)
            n, rest = word(m >> places), rest_of(m, places)
            return (word(n + one) if up(x < 0, n, rest) else n), rest

        return whole

    return make


@cache
def round_to_integral(rounding: Rounding) -> Maker:
    """Return the maker of ``round_to_integral(a) -> (z, flags)``; inexact is not raised."""

    def make(builder: FixedBuilder) -> Routine:
        word, count, whole = (
            builder.word,
            builder.routine(make_count),
            builder.routine(_whole(rounding)),
        )
        settle, places = builder.routine(make_settle), word(builder.format.fraction_bits)

        def round_to_integral(a: Any) -> Any:
            x = count(a)
            n, _ = whole(x)
            return settle(x < 0, word(n << places), EXACT)

        return round_to_integral

    return make


@cache
def to_int(width: int, rounding: Rounding) -> Maker:
    """Return the maker of ``to_int(a) -> (n, flags)``: a rounded to an integer of ``width`` bits.

    A number beyond the range gives the nearest limit, and is invalid.
    """

    def make(builder: FixedBuilder) -> Routine:
        word, long, count = builder.word, builder.long, builder.routine(make_count)
        whole, zero_long = builder.routine(_whole(rounding)), long(0)
        most, least = word((1 << (width - 1)) - 1), word(1 << (width - 1))
        no_flag, inexact, invalid = word(0), word(INEXACT), word(INVALID)

        def to_int(a: Any) -> Any:
            x = count(a)
            size, rest = whole(x)
            end = least if x < 0 else most
            beyond = size > end
            size = end if beyond else size
            n = long(zero_long - long(size)) if x < 0 else long(size)
            return n, (invalid if beyond else (no_flag if rest == EXACT else inexact))

        return to_int

    return make


def make_scaleb(builder: FixedBuilder) -> Routine:
    """Return ``scaleb(a, n) -> (z, flags)``: a * 2**n for an integer n, rounded once."""
    long, count, size = builder.long, builder.routine(make_count), builder.routine(make_size)
    settle_shifted = builder.routine(make_settle_shifted)

    def scaleb(a: Any, n: Any) -> Any:
        x = count(a)
        most = _FARTHEST if n > _FARTHEST else max(n, -_FARTHEST)
        return settle_shifted(x < 0, size(x), long(-long(most)))

    return scaleb


def make_logb(builder: FixedBuilder) -> Routine:
    """Return ``logb(a) -> (z, flags)``: the exponent of a, rounded once.

    That of zero is the least number, and raises divide by zero.
    """
    word, long, clz = builder.word, builder.long, builder.clz
    count, size = builder.routine(make_count), builder.routine(make_size)
    from_int64, one = builder.routine(make_from_int64), word(1)
    lead = long(63 - builder.format.fraction_bits)
    least, by_zero = word(builder.format.sign_mask), word(DIVIDE_BY_ZERO)

    def logb(a: Any) -> Any:
        x = count(a)
        z, flags = from_int64(long(lead - long(clz(size(x) if x != 0 else one))))
        return (least if x == 0 else z), (by_zero if x == 0 else flags)

    return logb
