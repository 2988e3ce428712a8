"""The constants of a small format in a wider hardware format."""

from __future__ import annotations

from functools import cache

from numlean_kernels.formats import Format, Nans
from numlean_kernels.ieee.arithmetic import Arithmetic
from numlean_kernels.ieee.routine_builder import RoutineBuilder
from numlean_kernels.protocol import Target


class WideBuilder(RoutineBuilder):
    """Builds routines on encodings of a small format, which compute in a wider hardware format.

    Words have the width of the wide format. ``guard_bits`` are the trailing bits that the small
    format lacks, so that the rules of rounding (:mod:`numlean_kernels.ieee.rounding`) apply to an
    encoding of the wide format as they apply to a working significand.

    Attributes:
        wide: The hardware format.
        encoding: Reinterprets a hardware float as its encoding.
        real: Reinterprets an encoding as a hardware float.
        instructions: The arithmetic of the target on hardware floats.
        is_prefix: Whether an encoding is the upper part of one of the wide format.
        rebias: What the biased exponent of a normal number gains, where the wide format has it.
        least_normal: The wide encoding of the least normal number.
    """

    def __init__(self, arithmetic: Arithmetic, target: Target, wide: Format) -> None:
        super().__init__(arithmetic, target, word_bits=wide.width)
        self.wide = wide
        self.guard_bits = wide.trailing_bits - self.format.trailing_bits
        self.encoding = target.encoding_of(wide.width)
        self.real = target.real_of(wide.width)
        self.instructions = target.instructions(wide.width)
        small = self.format
        self.is_prefix = (
            small.nans is Nans.IEEE
            and small.greatest is None
            and (small.exponent_bits, small.bias) == (wide.exponent_bits, wide.bias)
        )
        self.rebias = (wide.bias - small.bias) << wide.trailing_bits
        self.least_normal = (small.emin + wide.bias) << wide.trailing_bits


@cache
def wide_builder(arithmetic: Arithmetic, target: Target, wide: Format) -> WideBuilder:
    """Return the builder of an arithmetic in a wide format on a target; it is made once."""
    return WideBuilder(arithmetic, target, wide)
