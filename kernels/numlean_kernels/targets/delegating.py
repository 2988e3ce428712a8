"""A target that uses the integer arithmetic and the routines of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numlean_kernels.protocol import Instructions, Routine, Target


class DelegatingTarget(Target):
    """Delegates integers, instructions and routines to another target."""

    def __init__(self, words: Target) -> None:
        super().__init__()
        self._words = words

    def unsigned(self, bits: int) -> Callable[[Any], Any]:
        """Return the function of the other target."""
        return self._words.unsigned(bits)

    def signed(self, bits: int) -> Callable[[Any], Any]:
        """Return the function of the other target."""
        return self._words.signed(bits)

    def clz(self, bits: int) -> Routine:
        """Return the routine of the other target."""
        return self._words.clz(bits)

    def high_product(self, bits: int) -> Routine:
        """Return the routine of the other target."""
        return self._words.high_product(bits)

    def shift_left(self, bits: int) -> Routine:
        """Return the routine of the other target."""
        return self._words.shift_left(bits)

    def encoding_of(self, width: int) -> Routine:
        """Return the routine of the other target."""
        return self._words.encoding_of(width)

    def real_of(self, width: int) -> Routine:
        """Return the routine of the other target."""
        return self._words.real_of(width)

    def instructions(self, width: int) -> Instructions:
        """Return the instructions of the other target."""
        return self._words.instructions(width)

    def routine(self, function: Routine) -> Routine:
        """Compile a routine on the other target."""
        return self._words.routine(function)
