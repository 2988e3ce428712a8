"""The constants and routines of a logarithmic arithmetic, in the words of a target."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from numlean_kernels.logarithmic.formats import LogArithmetic
from numlean_kernels.protocol import Routine, Target

Maker: TypeAlias = Callable[["LogBuilder"], Routine]
"""Returns a routine, given the builder whose constants and other routines it uses."""


class LogBuilder:
    """Builds the routines of one arithmetic on one target, each once.

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
        self.target = target
        self.word = target.unsigned(64)
        self.long = target.signed(64)
        self._routines: dict[Maker, Routine] = {}

    def routine(self, make: Maker) -> Routine:
        """Return the routine of a maker for this arithmetic, compiled once for the target."""
        if make not in self._routines:
            self._routines[make] = self.target.routine(make(self))
        return self._routines[make]


@cache
def log_builder(arithmetic: LogArithmetic, target: Target) -> LogBuilder:
    """Return the builder of an arithmetic on a target; it is made once."""
    return LogBuilder(arithmetic, target)
