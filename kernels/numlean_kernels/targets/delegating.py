"""A target whose routines are written with another's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numlean_kernels.protocol import Instructions, Routine, Target


class DelegatingTarget(Target):
    """Integers, their instructions and routines as another target has them."""

    def __init__(self, words: Target) -> None:
        super().__init__()
        self._words = words

    def unsigned(self, bits: int) -> Callable[[Any], Any]:
        """As the other target has it."""
        return self._words.unsigned(bits)

    def signed(self, bits: int) -> Callable[[Any], Any]:
        """As the other target has it."""
        return self._words.signed(bits)

    def clz(self, bits: int) -> Routine:
        """As the other target has it."""
        return self._words.clz(bits)

    def high_product(self, bits: int) -> Routine:
        """As the other target has it."""
        return self._words.high_product(bits)

    def encoding_of(self, width: int) -> Routine:
        """As the other target has it."""
        return self._words.encoding_of(width)

    def real_of(self, width: int) -> Routine:
        """As the other target has it."""
        return self._words.real_of(width)

    def instructions(self, width: int) -> Instructions:
        """As the other target has it."""
        return self._words.instructions(width)

    def routine(self, function: Routine) -> Routine:
        """As the other target has it."""
        return self._words.routine(function)
