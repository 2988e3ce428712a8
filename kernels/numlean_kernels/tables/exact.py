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
from numlean_kernels.ieee.stored import make_write_stored
from numlean_kernels.protocol import Routine
from numlean_kernels.targets.python import PYTHON


@cache
def encoder(arithmetic: Arithmetic) -> Callable[[int, int, int], int]:
    """Return ``encode(negative, m, e)``: m * 2**e with m >= 0, rounded once.

    ``negative`` is 0 or 1, so that zeros have a sign. e may be of any size.
    """
    encode = flagged_encoder(arithmetic)
    return lambda negative, m, e: encode(negative, m, e)[0]


@cache
def flagged_encoder(arithmetic: Arithmetic) -> Callable[..., tuple[int, int]]:
    """Return ``encode(negative, m, e, *word) -> (z, flags)``: m * 2**e with m >= 0, rounded once.

    ``negative`` is 0 or 1, so that zeros have a sign. e may be of any size. ``word`` is the random
    word of an arithmetic that rounds at random.
    """
    builder = RoutineBuilder(arithmetic, PYTHON)
    format = builder.format
    round_pack, write = builder.routine(make_round_pack), builder.routine(make_write_stored)
    lead = builder.word_bits - 1
    # Every number beyond two to this power, or its negative, rounds like it.
    most = 2 * (format.bias + format.precision)

    def encode(negative: int, m: int, e: int, *word: int) -> tuple[int, int]:
        sign = format.sign_mask if negative else 0
        if m == 0:
            return _written(write, sign, 0)
        shift = m.bit_length() - lead
        lost = m & ((1 << max(shift, 0)) - 1) != 0
        sig = (m >> max(shift, 0) | lost) << max(-shift, 0)
        leading_exponent = max(-most, min(m.bit_length() - 1 + int(e), most))
        return _written(write, *round_pack(sign, leading_exponent + format.bias, sig, *word))

    return encode


def _written(write: Routine, z: int, flags: int) -> tuple[int, int]:
    z, flags = write(z, flags)
    return int(z), int(flags)


def infinite(arithmetic: Arithmetic, *, negative: bool) -> tuple[int, int]:
    """Return the encoding of an infinity that enters, or of its substitute, and the flags."""
    builder = routine_builder(arithmetic, PYTHON)
    sign = builder.format.sign_mask if negative else 0
    z = builder.routine(make_infinite)(sign)
    return _written(builder.routine(make_write_stored), z, 0)


def default_nan(arithmetic: Arithmetic) -> tuple[int, int]:
    """Return the encoding of a NaN that enters, and the flags: invalid if there is no NaN."""
    builder = routine_builder(arithmetic, PYTHON)
    return _written(builder.routine(make_write_stored), nan.default_nan(builder), 0)


def decode(format: Format, encoding: int) -> tuple[int, int]:
    """Return the pair (m, e), m >= 0, with |value| = m * 2**e, of a finite encoding."""
    magnitude = encoding & format.magnitude_mask
    if not format.has_zero:
        return 1, magnitude - format.bias
    field, trailing = magnitude >> format.trailing_bits, encoding & format.trailing_mask
    e = max(field, 1) - format.bias - format.trailing_bits
    return trailing | (format.implicit_bit if field else 0), e
