"""Rules for the sums of products in a contraction.

Most rules widen operands exactly to the Scalar of the products, so a product is rounded once there.
They are compositions of that Scalar's own operations: they are recorded, traced and run on every
device as those are. ``Exact`` and ``QuireAccumulation`` are an operation of the output's Scalar.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self, TypeAlias, final

import numpy as np

from numlean.arguments import checked
from numlean.errors import NumleanError
from numlean.precision.widening import widens
from numlean.scalar.kernel_scalar.exact_products import tapered_codes
from numlean.scalar.protocol import Contraction as Fusion
from numlean.scalar.protocol import Numbers, Scalar, Storage
from numlean_kernels.tapered.formats import Posit

ChangeScalar: TypeAlias = Callable[[Scalar], Scalar]
"""Returns the Scalar that takes the place of another one, such as its recording twin."""

ScaleBlock: TypeAlias = Callable[[int, Storage], Storage]
"""Returns the sums of a block of terms, given its first k, multiplied by the block's factors."""


class Accumulation(ABC):
    """A rule that multiplies matrices, adds up the products and rounds the sums to an output."""

    @property
    @abstractmethod
    def result(self) -> Scalar | None:
        """The Scalar of the sums before they are rounded to the output; None if they are exact."""

    @abstractmethod
    def check_operands(self, left: Scalar, right: Scalar) -> None:
        """Check that the rule multiplies numbers of two Scalars, and has them exactly.

        Raises:
            NumleanError: It does not.
        """

    @abstractmethod
    def product(self, a: Numbers, b: Numbers, addend: Numbers | None, output: Scalar) -> Storage:
        """Return the products of matrices (n, k) and (k, m), or of batches of them.

        Operands are widened exactly. The addend broadcasts to the products; it is widened exactly
        and is the last term of each sum. The results are numbers of ``output``.
        """

    @abstractmethod
    def with_scalars(self, change: ChangeScalar) -> Self:
        """Return the same rule in other Scalars."""


class AddsBlocks(ABC):
    """A rule that can scale the sum of each block of consecutive k before it adds it."""

    @abstractmethod
    def has_blocks_of(self, terms: int) -> bool:
        """Return whether it adds up the sums of blocks of so many consecutive k."""

    @abstractmethod
    def scaled_sums(self, a: Numbers, b: Numbers, terms: int, scale: ScaleBlock) -> Storage:
        """Return the sums of blocks, each scaled in ``result`` before it is added, k ascending.

        Args:
            a: Matrices (n, k), or batches of them.
            b: Matrices (k, m), or batches of them.
            terms: The number of k of a block at whose ends the scale may change.
            scale: Scales the sums of a block.
        """


@dataclass(frozen=True)
class RoundedAccumulation(Accumulation):
    """A rule whose products and sums are numbers of a Scalar.

    Attributes:
        scalar: The Scalar of the products.
    """

    scalar: Scalar

    @property
    def result(self) -> Scalar:
        """The Scalar of the sums."""
        return self.scalar

    @abstractmethod
    def sums(self, a: Storage, b: Storage) -> Storage:
        """Return the products of matrices (n, k) and (k, m), or of batches of them.

        The operands are numbers of ``scalar``, the sums of ``result``.
        """

    def check_operands(self, left: Scalar, right: Scalar) -> None:
        """Check that the Scalar of the products has both operands' numbers."""
        for operand in (left, right):
            if not widens(operand, self.scalar):
                raise NumleanError(
                    f"{self} needs operands that {self.scalar.name} has exactly, and it lacks"
                    f" numbers of {operand.name}; accumulate in a wider dtype"
                )

    def product(self, a: Numbers, b: Numbers, addend: Numbers | None, output: Scalar) -> Storage:
        """Return the products; the addend is added to a sum after its last product."""
        sums = self.sums(cast_storage(self.scalar, *a), cast_storage(self.scalar, *b))
        return finished(Numbers(self.result, sums), addend, output)


@checked
@final
@dataclass(frozen=True)
class Exact(Accumulation):
    """The exact sum of exact products and the addend, rounded once, to the output.

    It does not depend on the order or the grouping of terms, nor on the number of workers. Zeros,
    infinities and NaNs are those of ``Scalar.exact_product``.
    """

    @property
    def result(self) -> None:
        """None: a sum is rounded to the output only."""
        return None

    def check_operands(self, left: Scalar, right: Scalar) -> None:
        """Accept all Scalars."""

    def product(self, a: Numbers, b: Numbers, addend: Numbers | None, output: Scalar) -> Storage:
        """Return the products, each rounded once."""
        return output.exact_product(*a, *b, *(() if addend is None else addend))

    def with_scalars(self, change: ChangeScalar) -> Exact:
        """Return self: it has no Scalar."""
        return self

    def __str__(self) -> str:
        return "exact"


@checked
@final
@dataclass(frozen=True)
class QuireAccumulation(Accumulation):
    """The sum in a quire of posits: exact, and rounded once, to the output.

    The bits are those of ``Exact``, since the quire of the output holds every sum of fewer than
    2**31 products. Operands, addend and output must be posits, the output no narrower.
    """

    @property
    def result(self) -> None:
        """None: a sum is rounded to the output only."""
        return None

    def check_operands(self, left: Scalar, right: Scalar) -> None:
        """Check that both Scalars' numbers are posits."""
        for operand in (left, right):
            _posit_of(operand)

    def product(self, a: Numbers, b: Numbers, addend: Numbers | None, output: Scalar) -> Storage:
        """Return the products, each rounded once."""
        wide, further = _posit_of(output), () if addend is None else addend
        for scalar in (a.scalar, b.scalar, *(() if addend is None else (addend.scalar,))):
            narrow = _posit_of(scalar)
            if narrow.width > wide.width or narrow.exponent_size != wide.exponent_size:
                raise NumleanError(
                    f"the quire of {output.name} does not hold products of {scalar.name}; the"
                    " accumulation exact adds numbers of any dtype"
                )
        return output.exact_product(*a, *b, *further)

    def with_scalars(self, change: ChangeScalar) -> QuireAccumulation:
        """Return self: it has no Scalar."""
        return self

    def __str__(self) -> str:
        return "quire"


def _posit_of(scalar: Scalar) -> Posit:
    """Return the format of a Scalar's posits.

    Raises:
        NumleanError: Its numbers are not posits.
    """
    codes = tapered_codes(scalar)
    if not isinstance(codes, Posit):
        raise NumleanError(
            f"the accumulation quire adds posits, and {scalar.name} has none; use exact"
        )
    return codes


class BlockByBlock(RoundedAccumulation, AddsBlocks):
    """A rule that adds up a block of any length from +0, or by a tree of its own."""

    def has_blocks_of(self, terms: int) -> bool:
        """Return True: any blocks will do."""
        return True

    def scaled_sums(self, a: Numbers, b: Numbers, terms: int, scale: ScaleBlock) -> Storage:
        """Return the sums of blocks, each scaled, rounded and added from +0, in ascending k."""
        total = self.result.from_float(np.zeros((*a.storage.shape[:-1], b.storage.shape[-1])))
        for part in self._scaled_blocks(a, b, terms, scale):
            total = self.result.add(total, part)
        return total

    def _scaled_blocks(
        self, a: Numbers, b: Numbers, terms: int, scale: ScaleBlock
    ) -> Iterator[Storage]:
        """Yield the scaled sum of each block of ``terms`` consecutive k."""
        x, y = cast_storage(self.scalar, *a), cast_storage(self.scalar, *b)
        for start in range(0, x.shape[-1], terms):
            k = slice(start, start + terms)
            yield scale(start, self.sums(x[..., :, k], y[..., k, :]))


@checked
@final
@dataclass(frozen=True)
class Ordered(BlockByBlock):
    """acc = +0; for ascending k, acc = round(acc + round(a * b))."""

    def sums(self, a: Storage, b: Storage) -> Storage:
        """Return the sums of rounded products, k ascending."""
        return _product(self.scalar, a, b, "separate")

    def with_scalars(self, change: ChangeScalar) -> Ordered:
        """Return the same rule in another Scalar."""
        return Ordered(change(self.scalar))

    def __str__(self) -> str:
        return f"ordered({self.scalar.name})"


@checked
@final
@dataclass(frozen=True)
class Fused(BlockByBlock):
    """acc = +0; for ascending k, acc = round(acc + a * b)."""

    def sums(self, a: Storage, b: Storage) -> Storage:
        """Return the sums of exact products, each addition rounded, k ascending."""
        return _product(self.scalar, a, b, "fma")

    def with_scalars(self, change: ChangeScalar) -> Fused:
        """Return the same rule in another Scalar."""
        return Fused(change(self.scalar))

    def __str__(self) -> str:
        return f"fma({self.scalar.name})"


@checked
@final
@dataclass(frozen=True)
class Pairwise(BlockByBlock):
    """Rounded products, added by the balanced tree of ``Scalar.sum``.

    All products are kept at once: n * k * m numbers.
    """

    def sums(self, a: Storage, b: Storage) -> Storage:
        """Return the sums of rounded products, by the tree."""
        products = self.scalar.mul(a[..., :, :, np.newaxis], b[..., np.newaxis, :, :])
        return self.scalar.sum(products, -2, reduction="pairwise")

    def scaled_sums(self, a: Numbers, b: Numbers, terms: int, scale: ScaleBlock) -> Storage:
        """Return the sums of blocks by trees, each scaled and rounded, added by a tree."""
        parts = list(self._scaled_blocks(a, b, terms, scale))
        if not parts:
            return self.scalar.from_float(np.zeros((*a.storage.shape[:-1], b.storage.shape[-1])))
        whole = self.scalar.concat([part[..., np.newaxis] for part in parts], -1)
        return self.scalar.sum(whole, -1, reduction="pairwise")

    def with_scalars(self, change: ChangeScalar) -> Pairwise:
        """Return the same rule in another Scalar."""
        return Pairwise(change(self.scalar))

    def __str__(self) -> str:
        return f"pairwise({self.scalar.name})"


@checked
@final
@dataclass(frozen=True)
class Blocked(RoundedAccumulation, AddsBlocks):
    """Ordered sums over blocks of consecutive k, added in another Scalar from +0, in order.

    Attributes:
        scalar: The Scalar of the products and of the sum of a block.
        block: The number of terms of a block.
        promote: The Scalar that adds the sums of blocks; each is rounded to it once.
    """

    block: int
    promote: Scalar

    def __post_init__(self) -> None:
        if self.block < 1:
            raise NumleanError(f"a block has at least one term, got {self.block}")

    @property
    def result(self) -> Scalar:
        """The Scalar of the sums."""
        return self.promote

    def sums(self, a: Storage, b: Storage) -> Storage:
        """Return the sums of the blocks, added in ascending k."""
        return self._sums(a, b, lambda k, part: part)

    def has_blocks_of(self, terms: int) -> bool:
        """Return whether so many k are whole blocks."""
        return terms % self.block == 0

    def scaled_sums(self, a: Numbers, b: Numbers, terms: int, scale: ScaleBlock) -> Storage:
        """Return the sums of the blocks, each of them scaled in ``promote`` before it is added."""
        return self._sums(cast_storage(self.scalar, *a), cast_storage(self.scalar, *b), scale)

    def _sums(self, a: Storage, b: Storage, scale: ScaleBlock) -> Storage:
        def of_block(terms: slice) -> Storage:
            part = _product(self.scalar, a[..., :, terms], b[..., terms, :], "separate")
            return scale(terms.start, cast_storage(self.promote, self.scalar, part))

        shape = (*a.shape[:-1], b.shape[-1])
        return sum_of_blocks(self.promote, shape, a.shape[-1], self.block, of_block)

    def with_scalars(self, change: ChangeScalar) -> Blocked:
        """Return the same rule in other Scalars."""
        return Blocked(change(self.scalar), self.block, change(self.promote))

    def __str__(self) -> str:
        return f"blocked({self.scalar.name}, {self.block}, {self.promote.name})"


def finished(sums: Numbers, addend: Numbers | None, output: Scalar) -> Storage:
    """Return sums, plus an addend that is widened exactly, rounded to an output."""
    result, z = sums
    if addend is not None:
        z = result.add(z, cast_storage(result, *addend))
    return cast_storage(output, result, z)


def sum_of_blocks(
    scalar: Scalar,
    shape: tuple[int, ...],
    count: int,
    block: int,
    of_block: Callable[[slice], Storage],
) -> Storage:
    """Return the sum of blocks of ``count`` consecutive k, from +0, in ascending k.

    Args:
        scalar: The Scalar that adds.
        shape: The shape of the sum.
        count: The number of k.
        block: The number of k of a block; the last one may have fewer.
        of_block: Returns the numbers of the block of a slice of k.
    """
    total = scalar.from_float(np.zeros(shape))
    for start in range(0, count, block):
        total = scalar.add(total, of_block(slice(start, min(start + block, count))))
    return total


def cast_storage(to: Scalar, source: Scalar, x: Storage) -> Storage:
    """Return numbers of a Scalar in another one; those of an equal Scalar as they are."""
    return x if to is source or to == source else to.cast_from(source, x)


def _product(scalar: Scalar, a: Storage, b: Storage, contraction: Fusion) -> Storage:
    multiply = scalar.matmul if a.ndim == 2 else scalar.bmm
    return multiply(a, b, contraction=contraction)
