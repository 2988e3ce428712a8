"""What one instruction of a matrix unit computes, as data.

An instruction takes ``group`` products, or several groups one after the other, and an accumulator.
Longer sums chain over k: the result of an instruction is the accumulator of the next one.

**Terms.** A product is ``sig_a * sig_b``, exact and not normalised, with the exponent ``e_a +
e_b``; the exponent of a subnormal number is emin of its format. e* is the greatest exponent of the
terms that count. To *align* a term at F bits is to round it to a multiple of 2**(e* - F).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias, final

from numlean_kernels.formats import Format
from numlean_kernels.ieee.arithmetic import Rounding

TRUNCATED: Final = Rounding.TOWARD_ZERO
FLOORED: Final = Rounding.TOWARD_NEGATIVE
NEAREST: Final = Rounding.TIES_TO_EVEN

DIRECTIONS: Final = (TRUNCATED, FLOORED, NEAREST)
"""The directions in which matrix units round."""


@final
@dataclass(frozen=True)
class BlockFma:
    """Align all products of a group and the accumulator to e*, add them exactly, and round once.

    Any NaN, infinities of both signs, or infinity times zero give NaN; else an infinity gives
    itself. A sum that is zero, or that rounds to zero, is +0.

    Attributes:
        group: The number of products that are added at once.
        fraction_bits: F, the bits of an aligned term below 2**e*.
        floor: The least e*; None if there is none.
        zero_exponent: The exponent of a significand of zero, in products and in the accumulator;
            None if terms that are zero do not count in e*.
        alignment: The direction in which terms are aligned.
        result_precision: The number of significant bits of a result, if not that of the output.
        result: The direction in which results are rounded.
        k_order: The k of an instruction's products, in the order in which groups take them; empty
            if an instruction is one group.
        adds_last: Whether an instruction starts from +0 and adds the accumulator after its last
            group, in the output's format, to nearest even.
    """

    group: int
    fraction_bits: int
    floor: int | None = None
    zero_exponent: int | None = None
    alignment: Rounding = TRUNCATED
    result_precision: int | None = None
    result: Rounding = TRUNCATED
    k_order: tuple[int, ...] = ()
    adds_last: bool = False

    @property
    def instruction(self) -> int:
        """The number of products of an instruction."""
        return len(self.k_order) or self.group


@final
@dataclass(frozen=True)
class ExactBlock:
    """Add the products of a group and the accumulator exactly, and round once to nearest even."""

    group: int

    @property
    def instruction(self) -> int:
        """The number of products of an instruction."""
        return self.group


@final
@dataclass(frozen=True)
class Pairwise:
    """Add the products of a group by a balanced tree, then the accumulator: c + tree.

    Each product and each sum is rounded to nearest even, in the output's format.

    Attributes:
        group: The number of products, a power of two.
        flushes: Whether subnormal operands (of their own format) and accumulators count as +0, and
            results below the normal range become zeros of their sign.
    """

    group: int
    flushes: bool = False

    @property
    def instruction(self) -> int:
        """The number of products of an instruction."""
        return self.group


@final
@dataclass(frozen=True)
class TwoStage:
    """Add aligned products, align their sum T and the accumulator, and round to nearest even.

    A product of magnitude 2**128 or more counts as infinite. An accumulator of zero has the
    exponent -126.

    Attributes:
        group: The number of products that are added at once.
        fraction_bits: The bits of an aligned product below e*; products are truncated.
        sum_bits: The bits of T below the greater exponent of T and c; rounded toward negative.
        addend_bits: The bits of c there; rounded toward negative.
        is_interleaved: Whether products of even and odd k are aligned and added apart; both sums
            are rounded toward negative at ``addend_bits`` below the greater exponent and added.
            Then c is dropped if its exponent is less than the greatest one minus ``addend_bits`` +
            1.
    """

    group: int
    fraction_bits: int = 24
    sum_bits: int = 31
    addend_bits: int = 24
    is_interleaved: bool = False

    @property
    def instruction(self) -> int:
        """The number of products of an instruction."""
        return self.group


@final
@dataclass(frozen=True)
class FmaChain:
    """Compute fma(a, b, c) for one k after the other, to nearest even."""

    @property
    def instruction(self) -> int:
        """The number of products of an instruction."""
        return 1


@final
@dataclass(frozen=True)
class ScaledSums:
    """Add products exactly in parts, multiply each sum by its scales, then align as a block FMA.

    A part is a term: its sum times the significands of both scales, not normalised, with the sum of
    the scales' exponents. Terms and the accumulator are truncated to a multiple of 2**(e* - F) and
    added exactly; the sum is truncated to the output. Terms that are zero do not count in e*. A sum
    of zero is +0. Infinities and NaNs are as in a block FMA.

    Attributes:
        group: The number of products of an instruction.
        part: The number of products that are added exactly; they have one scale on each side.
        fraction_bits: F, the bits of an aligned term below 2**e*.
        floor: The least e*.
    """

    group: int
    part: int
    fraction_bits: int
    floor: int

    @property
    def instruction(self) -> int:
        """The number of products of an instruction."""
        return self.group


Rule: TypeAlias = BlockFma | ExactBlock | Pairwise | TwoStage | FmaChain | ScaledSums


@final
@dataclass(frozen=True)
class Operands:
    """The operands of a product.

    Attributes:
        name: The name, such as ``fp16`` or ``tf32``.
        format: The format of their encodings.
        precision: The significant bits that count; lower ones are cut off.
    """

    name: str
    format: Format
    precision: int


@final
@dataclass(frozen=True)
class Scales:
    """The scales of blocks of operands, on both sides.

    A block FMA adds the exponents of both scales, which are powers of two, to that of a product. A
    scale that is NaN gives NaN.

    Attributes:
        format: The format of their encodings; a sign is ignored.
        size: The consecutive k that have one scale.
    """

    format: Format
    size: int


@final
@dataclass(frozen=True)
class Chain:
    """How a long k is split over chains of instructions; the library decides it, not the chip.

    k is cut into ``split_k`` ranges of equal length, the last may be shorter. Each is cut into
    blocks of ``k_block``, and each block has accumulators that start from +0 and end after
    ``promote_every`` terms. The first accumulator of all starts from c.

    Attributes:
        k_block: The terms of a block; None for all. The results of the blocks are added in the
            output's format, in ascending k.
        promote_every: The terms after which an accumulator is added to a register of binary32, or
            of the output's format if that is wider, which starts from +0; None for never. The
            register is rounded to the output's format at the end of a block.
        split_k: The number of ranges. Their results are added in binary32, or in the output's
            format if that is wider, and then rounded to the output's format.
        order: ``ascending`` or ``pairwise``, for the results of the ranges: by a balanced tree.

    All additions and roundings here are to nearest even.
    """

    k_block: int | None = None
    promote_every: int | None = None
    split_k: int = 1
    order: str = "ascending"


@final
@dataclass(frozen=True)
class Unit:
    """All that determines the bits of a matrix product.

    Attributes:
        rule: What an instruction computes.
        left: The left operands of products.
        right: The right operands.
        output: The format of the accumulator that enters and of results.
        nan: The encoding of NaN results.
        chain: How a long k is split.
        scales: The scales of the operands; None if they have none.
    """

    rule: Rule
    left: Operands
    right: Operands
    output: Format
    nan: int
    chain: Chain = field(default_factory=Chain)
    scales: Scales | None = None

    @property
    def key(self) -> str:
        """A text that is equal for units whose chains of instructions compute equal bits."""
        operands = " ".join(f"{x.format.key}:{x.precision}" for x in (self.left, self.right))
        scales = "" if self.scales is None else f" {self.scales.format.key}x{self.scales.size}"
        return f"{self.rule} {operands}{scales} -> {self.output.key}:{self.nan:#x}"
