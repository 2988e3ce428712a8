"""Both operands of a contraction as it multiplies them: rounded to their Scalars, and scaled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np

from numlean.precision.accumulation import ChangeScalar
from numlean.precision.scaling.operand import (
    Operand,
    entered,
    entered_columns,
    scalar_of,
)
from numlean.precision.scaling.quantized import Quantized, turned_rows
from numlean.scalar.product_scope import Multiplied
from numlean.scalar.protocol import Numbers, Scalar, Storage


@final
@dataclass(frozen=True)
class EnteredOperands:
    """Two operands.

    Attributes:
        a: The numbers of the left operand (..., n, k).
        b: The numbers of the right operand (..., k, m).
        left: How a is scaled; None if it is not.
        right: How b is scaled, with the columns of b as rows; None if it is not.
    """

    a: Numbers
    b: Numbers
    left: Quantized | None = None
    right: Quantized | None = None

    @classmethod
    def of(cls, left: Operand, right: Operand, scalar: Scalar, a: Storage, b: Storage) -> Self:
        """Return matrices of a Scalar's numbers as two operands."""
        x, by_left = entered(left, scalar, a)
        y, by_right = entered_columns(right, scalar, b)
        operands = Numbers(scalar_of(left), x), Numbers(scalar_of(right), y)
        return cls(*operands, by_left, by_right)

    @property
    def values(self) -> tuple[Numbers, Numbers]:
        """The values of both operands, exactly: of scaled ones, codes times factors."""
        left = self.a if self.left is None else self.left.values(self.a.scalar)
        if self.right is None:
            return left, self.b
        wide, rows = self.right.values(self.b.scalar)
        return left, Numbers(wide, turned_rows(rows))

    def multiplied(self, addend: Numbers | None) -> tuple[Multiplied, ...]:
        """Return the operands, and an addend, as a trace shows them."""
        left, right = Multiplied(self.a), Multiplied(self.b)
        if (x := self.left) is not None:
            left = Multiplied(self.a, lambda: x.factors, x)
        if (y := self.right) is not None:
            right = Multiplied(self.b, lambda: y.turned_factors, y)
        return (left, right) if addend is None else (left, right, Multiplied(addend))

    def of_element(self, index: tuple[int, ...]) -> EnteredOperands:
        """Return the row (1, k) and the column (k, 1) of one element of the product."""
        *batch, i, j = index
        row = _row(self.a.storage, (*batch, i))
        column = _row(turned_rows(self.b.storage), (*batch, j))
        return EnteredOperands(
            Numbers(self.a.scalar, row),
            Numbers(self.b.scalar, turned_rows(column)),
            self.left and _row_of(self.left, (*batch, i)),
            self.right and _row_of(self.right, (*batch, j)),
        )

    def with_scalars(self, change: ChangeScalar) -> EnteredOperands:
        """Return the same numbers in other Scalars of the same formats."""
        a, b = (in_scalar(x, change) for x in (self.a, self.b))
        scaled = (each and _with_scalars(each, change) for each in (self.left, self.right))
        return EnteredOperands(a, b, *scaled)


def _row_of(x: Quantized, index: tuple[int, ...]) -> Quantized:
    """Return one row, of shape (1, k)."""
    extents = zip(x.inverses.shape, index, strict=False)
    places = tuple(0 if extent == 1 else k for extent, k in extents)
    inverses = _row(x.inverses, places)
    return replace(x, codes=_row(x.codes, index), inverses=inverses, numbers=None)


def _row(x: Storage, index: tuple[int, ...]) -> Storage:
    """Return the row of an index but for the last axis, of shape (1, k)."""
    row: Storage = x[index]
    return row.reshape(1, -1)


def _with_scalars(x: Quantized, change: ChangeScalar) -> Quantized:
    scales, inverses = in_scalar(Numbers(x.scales, x.inverses), change)
    whole = None if x.whole is None else in_scalar(x.whole, change)
    return replace(x, inverses=inverses, scales=scales, whole=whole)


def in_scalar(x: Numbers, change: ChangeScalar) -> Numbers:
    """Return the same numbers in another Scalar of the same format."""
    scalar = change(x.scalar)
    numbers = np.ascontiguousarray(x.storage)
    if x.scalar.format is None:
        return Numbers(scalar, scalar.from_exact(x.scalar.to_exact(numbers)))
    return Numbers(scalar, scalar.from_bits(x.scalar.to_bits(numbers)))
