"""The constants and routines of a tapered format, in the words of a target."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, TypeAlias

from numlean_kernels.ieee.convert import BINARY64_EXACTLY
from numlean_kernels.ieee.routine_builder import routine_builder
from numlean_kernels.protocol import Builder, Routine, Target
from numlean_kernels.tapered.formats import TaperedFormat

Maker: TypeAlias = Callable[["TaperedBuilder"], Routine]
"""Returns a routine, given the builder whose constants and other routines it uses."""

WORD_BITS: Final = 64


class TaperedBuilder(Builder):
    """The constants of one format on one target, and its routines.

    Attributes:
        format: The format of the codes.
        target: The target on which the routines run.
        binary64: The builder of routines on binary64 encodings, in the same words.
        word: Reduces an integer modulo 2**64 and converts it to the unsigned type of the target.
        signed: Converts an integer to the signed type of the target for exponents.
        clz: Counts the leading zeros of a word; 64 for zero.
    """

    def __init__(self, format: TaperedFormat, target: Target) -> None:
        self.format = format
        super().__init__(target)
        self.binary64 = routine_builder(BINARY64_EXACTLY, target)
        self.word = target.unsigned(WORD_BITS)
        self.signed = target.signed(32)
        self.clz = target.clz(WORD_BITS)


@cache
def tapered_builder(format: TaperedFormat, target: Target) -> TaperedBuilder:
    """Return the builder of a format on a target; it is made once."""
    return TaperedBuilder(format, target)
