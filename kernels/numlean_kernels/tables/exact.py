"""Conversions between encodings and exact values m * 2**e, in the interpreter: slow and simple."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from numlean_kernels.formats import Format
from numlean_kernels.ieee import nan
from numlean_kernels.ieee.arithmetic import Arithmetic
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_infinite
from numlean_kernels.ieee.routine_builder import RoutineBuilder, routine_builder
from numlean_kernels.targets.python import PYTHON


@cache
def encoder(arithmetic: Arithmetic) -> Callable[[int, int, int], int]:
    """Return ``encode(negative, m, e)``: m * 2**e with m >= 0, rounded once.

    ``negative`` is 0 or 1, so that zeros have a sign. e may be of any size.
    """
    encode = flagged_encoder(arithmetic)
    return lambda negative, m, e: encode(negative, m, e)[0]


@cache
def flagged_encoder(arithmetic: Arithmetic) -> Callable[[int, int, int], tuple[int, int]]:
    """Return ``encode(negative, m, e) -> (z, flags)``: m * 2**e with m >= 0, rounded once.

    ``negative`` is 0 or 1, so that zeros have a sign. e may be of any size.
    """
    builder, format = RoutineBuilder(arithmetic, PYTHON), arithmetic.format
    round_pack = builder.routine(make_round_pack)
    lead = builder.word_bits - 1
    # Every number beyond two to this power, or its negative, rounds like it.
    most = 2 * (format.bias + format.precision)

    def encode(negative: int, m: int, e: int) -> tuple[int, int]:
        sign = format.sign_mask if negative else 0
        if m == 0:
            return sign, 0
        shift = m.bit_length() - lead
        lost = m & ((1 << max(shift, 0)) - 1) != 0
        sig = (m >> max(shift, 0) | lost) << max(-shift, 0)
        leading_exponent = max(-most, min(m.bit_length() - 1 + int(e), most))
        z, flags = round_pack(sign, leading_exponent + format.bias, sig)
        return int(z), int(flags)

    return encode


def infinite(arithmetic: Arithmetic, *, negative: bool) -> int:
    """Return the encoding of an infinity that enters, or of its substitute in the arithmetic."""
    sign = arithmetic.format.sign_mask if negative else 0
    return int(routine_builder(arithmetic, PYTHON).routine(make_infinite)(sign))


def default_nan(arithmetic: Arithmetic) -> int:
    """Return the encoding of the NaN that an invalid operation returns in the arithmetic."""
    return int(nan.default_nan(routine_builder(arithmetic, PYTHON)))


def decode(format: Format, encoding: int) -> tuple[int, int]:
    """Return the pair (m, e), m >= 0, with |value| = m * 2**e, of a finite encoding."""
    field = (encoding & format.magnitude_mask) >> format.trailing_bits
    trailing = encoding & format.trailing_mask
    e = max(field, 1) - format.bias - format.trailing_bits
    return trailing | (format.implicit_bit if field else 0), e
