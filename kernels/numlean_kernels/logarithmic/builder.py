"""The constants and routines of a logarithmic arithmetic, in the words of a target."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from numlean_kernels.logarithmic.formats import LogArithmetic
from numlean_kernels.protocol import Builder, Routine, Target

Maker: TypeAlias = Callable[["LogBuilder"], Routine]
"""Returns a routine, given the builder whose constants and other routines it uses."""


class LogBuilder(Builder):
    """The constants of one arithmetic on one target, and its routines.

    Attributes:
        arithmetic: The arithmetic.
        format: Its format.
        target: The target on which the routines run.
        word: Reduces an integer modulo 2**64 and converts it to the unsigned type of the target.
        long: Converts an integer to the signed type of 64 bits.
    """

    def __init__(self, arithmetic: LogArithmetic, target: Target) -> None:
        self.arithmetic = arithmetic
        self.format = arithmetic.format
        super().__init__(target)
        self.word = target.unsigned(64)
        self.long = target.signed(64)


@cache
def log_builder(arithmetic: LogArithmetic, target: Target) -> LogBuilder:
    """Return the builder of an arithmetic on a target; it is made once."""
    return LogBuilder(arithmetic, target)
