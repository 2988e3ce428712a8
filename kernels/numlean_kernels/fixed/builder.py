"""The constants and routines of a fixed-point arithmetic, in the words of a target."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from numlean_kernels.fixed.formats import FixedArithmetic
from numlean_kernels.ieee.convert import BINARY64_EXACTLY
from numlean_kernels.ieee.routine_builder import routine_builder
from numlean_kernels.protocol import Builder, Routine, Target

Maker: TypeAlias = Callable[["FixedBuilder"], Routine]
"""Returns a routine, given the builder whose constants and other routines it uses."""


class FixedBuilder(Builder):
    """The constants of one arithmetic on one target, and its routines.

    Attributes:
        arithmetic: The arithmetic.
        format: Its format.
        target: The target on which the routines run.
        binary64: The builder of routines on binary64 encodings, in the same words.
        word: Reduces an integer modulo 2**64 and converts it to the unsigned type of the target.
        long: Converts an integer to the signed type of 64 bits.
        clz: Counts the leading zeros of a word; 64 for zero.
    """

    def __init__(self, arithmetic: FixedArithmetic, target: Target) -> None:
        self.arithmetic = arithmetic
        self.format = arithmetic.format
        super().__init__(target)
        self.binary64 = routine_builder(BINARY64_EXACTLY, target)
        self.word = target.unsigned(64)
        self.long = target.signed(64)
        self.clz = target.clz(64)


@cache
def fixed_builder(arithmetic: FixedArithmetic, target: Target) -> FixedBuilder:
    """Return the builder of an arithmetic on a target; it is made once."""
    return FixedBuilder(arithmetic, target)
