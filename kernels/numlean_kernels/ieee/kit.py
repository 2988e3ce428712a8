"""What a routine on encodings is made of: a format's constants, and words of a target.

**Notation**, used by every routine of this package. ``w`` is the width of a *word*, the unsigned
integer a routine works in (32 bits for formats up to 32 bits wide, else 64). A *working
significand* is a word whose leading one stands at bit w-2, so that a sum of two cannot be lost;
below its p significant bits lie ``guard_bits`` = w-1-p more, of which bit 0 is sticky: it is one
if anything nonzero was shifted out below it ("jammed"). ``exp`` is a biased exponent as a signed
integer, free to leave the format's range until :mod:`.round_pack` brings it back.

Routines are written once as plain Python on integers. They hold no branch, only selections
(``x if c else y``), so that LLVM turns a loop over them into vector code, and every step that can
exceed a word is wrapped in ``word(...)``, which reduces modulo 2**w on every target alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from numlean_kernels.formats import Format
from numlean_kernels.targets.protocol import Routine, Target

Maker: TypeAlias = Callable[["Kit"], Routine]


class Kit:
    """The constants and routines of one format on one target.

    Attributes:
        format: The format whose encodings the routines take.
        target: Where the routines run.
        word: Reduces an integer modulo 2**w and gives it the target's unsigned type.
        signed: Gives an integer the target's signed type for exponents.
        clz: Leading zeros of a word; w for zero.
    """

    def __init__(self, format: Format, target: Target) -> None:
        self.format = format
        self.target = target
        self.word_bits = 32 if format.width <= 32 else 64
        self.guard_bits = self.word_bits - 1 - format.precision
        self.word = target.unsigned(self.word_bits)
        self.signed = target.signed(32)
        self.clz = target.clz(self.word_bits)
        self._routines: dict[Maker, Routine] = {}

    @property
    def wide(self) -> Callable[[Any], Any]:
        """Reduces an integer modulo 2**(2w), which holds the product of two words."""
        return self.target.unsigned(2 * self.word_bits)

    @property
    def clz_wide(self) -> Routine:
        """Leading zeros of a wide word; 2w for zero."""
        return self.target.clz(2 * self.word_bits)

    def words(self, *names: str) -> tuple[Any, ...]:
        """The named constants of the format, as words."""
        return tuple(self.word(getattr(self.format, name)) for name in names)

    def routine(self, make: Maker) -> Routine:
        """The routine that ``make`` writes for this format, compiled for this target, made once."""
        if make not in self._routines:
            self._routines[make] = self.target.routine(make(self))
        return self._routines[make]
