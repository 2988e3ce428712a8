"""Sums of products as the matrix unit of a chip computes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self, final

from numlean.arguments import checked
from numlean.errors import NumleanError
from numlean.precision.accumulation import (
    Accumulation,
    AddsBlocks,
    ChangeScalar,
    ScaleBlock,
    cast_storage,
    finished,
    sum_of_blocks,
)
from numlean.precision.matrix_units.choice import UnitChoice
from numlean.scalar.protocol import Numbers, Scalar, Storage
from numlean_kernels.formats import BINARY32, BINARY64, NAMED, Format

_DTYPES: Final = {
    **{each.format.key: each.name for each in NAMED},
    BINARY32.key: "float32",
    BINARY64.key: "float64",
}
"""The dtypes of the formats of units, by the formats' keys."""


@checked
@final
@dataclass(frozen=True)
class Unit(Accumulation, AddsBlocks):
    """One chain of a matrix unit's instructions for each sum, k ascending, from +0.

    The addend is added afterwards, in the arithmetic of the unit's output, rounded there once.

    Attributes:
        choice: The unit, or the chip, and how a sum is split over chains.
        scalar: The Scalar of the sums, of the format of the unit's output.
        operands: The Scalar in which the unit takes operands of narrower formats; None if there are
            no such operands.
    """

    choice: UnitChoice
    scalar: Scalar
    operands: Scalar | None = None

    @classmethod
    def of(
        cls,
        choice: UnitChoice,
        resolve: Callable[[str], Scalar],
        operands: tuple[Scalar, Scalar] | None = None,
    ) -> Self:
        """Return the rule with the Scalars that it needs.

        Args:
            choice: The unit, or the chip.
            resolve: Returns the Scalar of a dtype's text.
            operands: The Scalars of the operands; needed if the choice is a chip.

        Raises:
            NumleanError: The unit does not multiply such operands, or they are needed.
        """
        if operands is None and choice.is_chip:
            raise NumleanError(
                f"unit({choice}) takes the format from the operands of a product; name it, as in"
                f" unit(A100:fp16)"
            )
        formats = None if operands is None else [each.format for each in operands]
        unit = choice.unit if formats is None else choice.unit_of(*formats)
        own = [each.format for each in (unit.left, unit.right)]
        takes_them = formats is not None and all(map(_are_same, own, formats))
        wide = None if takes_them else resolve(_dtype(unit.left.format))
        return cls(choice, resolve(_dtype(unit.output)), wide)

    @property
    def result(self) -> Scalar:
        """The Scalar of the sums."""
        return self.scalar

    def check_operands(self, left: Scalar, right: Scalar) -> None:
        """Check that the unit multiplies numbers of two formats, and that its Scalars fit them."""
        unit = self.choice.unit_of(left.format, right.format)
        wide = None if self.operands is None else self.operands.format
        sides = (unit.left.format, left.format), (unit.right.format, right.format)
        takes_them = all(_are_same(own, x) or _are_same(own, wide) for own, x in sides)
        if not (takes_them and _are_same(unit.output, self.scalar.format)):
            raise NumleanError(
                f"{self} was made for other operands than {left.name} and {right.name}; make it by"
                " accumulation_named(text, resolve, operands)"
            )

    def product(self, a: Numbers, b: Numbers, addend: Numbers | None, output: Scalar) -> Storage:
        """Return the products; the addend is added to a sum after its last product."""
        return finished(Numbers(self.scalar, self._sums(a, b)), addend, output)

    def has_blocks_of(self, terms: int) -> bool:
        """Return whether k is in one range: each block has its own chain, whatever its length."""
        return self.choice.chain.split_k == 1

    def scaled_sums(self, a: Numbers, b: Numbers, terms: int, scale: ScaleBlock) -> Storage:
        """Return the sums of blocks, each a chain from +0, scaled, and added from +0 in order."""

        def of_block(k: slice) -> Storage:
            left, right = (
                Numbers(a.scalar, a.storage[..., k]),
                Numbers(b.scalar, b.storage[..., k, :]),
            )
            return scale(k.start, self._sums(left, right))

        shape = (*a.storage.shape[:-1], b.storage.shape[-1])
        return sum_of_blocks(self.scalar, shape, a.storage.shape[-1], terms, of_block)

    def _sums(self, a: Numbers, b: Numbers) -> Storage:
        unit = self.choice.unit_of(a.scalar.format, b.scalar.format)
        left, right = self._entered(a, unit.left.format), self._entered(b, unit.right.format)
        return self.scalar.unit_product(*left, *right, unit=unit)

    def _entered(self, x: Numbers, format: Format) -> Numbers:
        """Return numbers in the format of the unit's operands."""
        if _are_same(x.scalar.format, format):
            return x
        assert self.operands is not None  # as ``check_operands`` has checked
        return Numbers(self.operands, cast_storage(self.operands, *x))

    def with_scalars(self, change: ChangeScalar) -> Unit:
        """Return the same rule in other Scalars."""
        wide = None if self.operands is None else change(self.operands)
        return Unit(self.choice, change(self.scalar), wide)

    def __str__(self) -> str:
        return f"unit({self.choice})"


def _are_same(one: Format | None, other: Format | None) -> bool:
    """Return whether two formats have the same encodings."""
    return one is not None and other is not None and one.key == other.key


def _dtype(format: Format) -> str:
    return _DTYPES.get(format.key, format.name)
