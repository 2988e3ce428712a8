"""What a routine on encodings is made of: an arithmetic's constants, and words of a target.

**Notation**, used by every routine of this package. ``w`` is the width of a *word*, the unsigned
integer a routine works in: 32 or 64 bits. A *working significand* is a word whose leading one
stands at bit w-2, so that a sum of two cannot be lost; below its p significant bits lie
``guard_bits`` = w-1-p more, of which bit 0 is sticky: it is one if anything nonzero was shifted out
below it ("jammed"). ``exp`` is a biased exponent as a signed integer, free to leave the format's
range until :mod:`.round_pack` brings it back. A *wide* number has 2w bits; see :mod:`.wide`.

Routines are written once as plain Python on integers. They hold no branch, only selections
(``x if c else y``), so that LLVM turns a loop over them into vector code, and every step that can
exceed a word is wrapped in ``word(...)``, which reduces modulo 2**w on every target alike.

Operations of clause 5.4 return a pair: the result and the flags it raises (:mod:`.flags`). Who
does not want the flags drops them, and the compiler drops what computed them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

from numlean_kernels.ieee.arithmetic import Arithmetic, Rounding
from numlean_kernels.protocol import Routine, Target

Maker: TypeAlias = Callable[["RoutineBuilder"], Routine]

_LEAST_GUARD_BITS: Final = 7


class RoutineBuilder:
    """The constants and routines of one arithmetic on one target.

    Attributes:
        arithmetic: What the routines compute.
        format: The format whose encodings they take.
        target: Where the routines run.
        word_bits: The width w of a word.
        guard_bits: Bits of a working significand below the format's precision.
        word: Reduces an integer modulo 2**w and gives it the target's unsigned type.
        signed: Gives an integer the target's signed type for exponents.
        clz: Leading zeros of a word; w for zero.
    """

    def __init__(
        self, arithmetic: Arithmetic, target: Target, *, word_bits: int | None = None
    ) -> None:
        self.arithmetic = arithmetic
        self.format = arithmetic.format
        self.target = target
        fits_32 = self.format.width <= 32 and 31 - self.format.precision >= _LEAST_GUARD_BITS
        # Stochastic rounding is as fair as what is lost is known exactly.
        fits_32 &= arithmetic.rounding is not Rounding.STOCHASTIC
        self.word_bits = word_bits or (32 if fits_32 else 64)
        self.guard_bits = self.word_bits - 1 - self.format.precision
        self.word = target.unsigned(self.word_bits)
        self.signed = target.signed(32)
        self.clz = target.clz(self.word_bits)
        self._routines: dict[Maker, Routine] = {}
        self._long: RoutineBuilder | None = None

    def of_long_words(self) -> RoutineBuilder:
        """The same arithmetic in words of 64 bits."""
        if self._long is None:
            long = self.word_bits == 64
            self._long = (
                self if long else RoutineBuilder(self.arithmetic, self.target, word_bits=64)
            )
        return self._long

    def words(self, *names: str) -> tuple[Any, ...]:
        """The named constants of the format, as words."""
        return tuple(self.word(getattr(self.format, name)) for name in names)

    def routine(self, make: Maker) -> Routine:
        """The routine that ``make`` writes for this arithmetic, compiled for its target, once."""
        if make not in self._routines:
            self._routines[make] = self.target.routine(make(self))
        return self._routines[make]


@cache
def routine_builder(arithmetic: Arithmetic, target: Target) -> RoutineBuilder:
    """The kit of an arithmetic on a target, of which one is enough: routines are compiled once."""
    return RoutineBuilder(arithmetic, target)
