"""The constants and routines of an arithmetic, in the words of a target.

**Notation**, used by every routine of this package. ``w`` is the width of a *word*, the unsigned
integer in which a routine computes: 32 or 64 bits. A *working significand* is a word whose leading
one is at bit w-2, so that the sum of two fits; below its p significant bits are ``guard_bits`` =
w-1-p more, of which bit 0 is sticky: it is one if any nonzero bit was shifted out below it
("jammed"). ``exp`` is a biased exponent as a signed integer; it may leave the range of the format
until :mod:`.round_pack` brings it back. A *wide* number has 2w bits; see :mod:`.wide`.

Routines are written once as plain Python on integers. They contain no branches, only selections
(``x if c else y``), so that LLVM turns a loop over them into vector code, and every step that can
exceed a word is wrapped in ``word(...)``, which reduces modulo 2**w on every target alike.

Operations of clause 5.4 return a pair: the result and the flags that it raises
(:mod:`numlean_kernels.flags`). If the caller discards the flags, LLVM eliminates the code that
computes them. Operations that round take ``*random_bits`` after their operands: one word where
rounding is stochastic, and nothing otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

from numlean_kernels.ieee.arithmetic import Arithmetic, Rounding
from numlean_kernels.protocol import Builder, Routine, Target

Maker: TypeAlias = Callable[["RoutineBuilder"], Routine]
"""Returns a routine, given the builder whose constants and other routines it uses."""

_LEAST_GUARD_BITS: Final = 7


class RoutineBuilder(Builder):
    """The constants of one arithmetic on one target, and its routines.

    Attributes:
        arithmetic: The arithmetic that the routines compute.
        format: The format of the encodings on which they compute: the ``working`` format of that of
            the arithmetic.
        target: The target on which the routines run.
        word_bits: The width w of a word.
        guard_bits: The bits of a working significand below the precision of the format.
        word: Reduces an integer modulo 2**w and converts it to the unsigned type of the target.
        signed: Converts an integer to the signed type of the target for exponents.
        clz: Counts the leading zeros of a word; w for zero.
    """

    def __init__(
        self, arithmetic: Arithmetic, target: Target, *, word_bits: int | None = None
    ) -> None:
        self.arithmetic = arithmetic
        self.format = arithmetic.format.working
        super().__init__(target)
        fits_32 = self.format.width <= 32 and 31 - self.format.precision >= _LEAST_GUARD_BITS
        # Stochastic rounding is fair to within the accuracy of the dropped bits.
        fits_32 &= arithmetic.rounding is not Rounding.STOCHASTIC
        self.word_bits = word_bits or (32 if fits_32 else 64)
        self.guard_bits = self.word_bits - 1 - self.format.precision
        self.word = target.unsigned(self.word_bits)
        self.signed = target.signed(32)
        self.clz = target.clz(self.word_bits)
        self._long: RoutineBuilder | None = None

    def of_long_words(self) -> RoutineBuilder:
        """Return the builder for the same arithmetic in words of 64 bits."""
        if self._long is None:
            long = self.word_bits == 64
            self._long = (
                self if long else RoutineBuilder(self.arithmetic, self.target, word_bits=64)
            )
        return self._long

    def words(self, *names: str) -> tuple[Any, ...]:
        """Return the named constants of the format, as words."""
        return tuple(self.word(getattr(self.format, name)) for name in names)


@cache
def routine_builder(arithmetic: Arithmetic, target: Target) -> RoutineBuilder:
    """Return the builder of an arithmetic on a target; it is made once."""
    return RoutineBuilder(arithmetic, target)
