"""Products of matrices with operands, sums and results in different Scalars.

In a vector-Jacobian product, g is the output's cotangent and z the output.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

from numlean.arguments import checked
from numlean.autograd.primitive import Primitive
from numlean.autograd.primitives import cast, swap_last, transpose
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError
from numlean.precision.accumulation import Accumulation, ChangeScalar, cast_storage
from numlean.precision.scaling.factors import Factors, scalar_of_sums, scaled_sums
from numlean.precision.scaling.operand import (
    Operand,
    change_operand,
    entered,
    entered_columns,
    scalar_of,
)
from numlean.precision.widening import widens
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.record import recorded_like


@checked
@final
@dataclass(frozen=True)
class Contraction:
    """The arithmetic of a product of matrices.

    Attributes:
        left: The Scalar to which the first operand is rounded, or how it is scaled too.
        right: The same for the second operand.
        accumulate: The rule that multiplies the operands, widened exactly, and adds up.
        output: The Scalar to which a sum is rounded.

    Raises:
        NumleanError: The Scalar of the products lacks numbers of an operand, or scales do not fit
            each other or the accumulation.
    """

    left: Operand
    right: Operand
    accumulate: Accumulation
    output: Scalar

    def __post_init__(self) -> None:
        wide = self.accumulate.scalar
        for operand in (scalar_of(self.left), scalar_of(self.right)):
            if not widens(operand, wide):
                raise NumleanError(
                    f"{self.accumulate} needs operands that {wide.name} has exactly, and it lacks"
                    f" numbers of {operand.name}; accumulate in a wider dtype"
                )
        scalar_of_sums(self.left, self.right, self.accumulate)

    @property
    def result(self) -> Scalar:
        """The Scalar of the sums before they are rounded to the output."""
        return scalar_of_sums(self.left, self.right, self.accumulate)

    @classmethod
    def of(cls, operands: Scalar, accumulate: Accumulation) -> Contraction:
        """Return the contraction of operands of one Scalar, whose results are of the same."""
        return cls(operands, operands, accumulate, operands)

    def sums(self, scalar: Scalar, a: Storage, b: Storage) -> Storage:
        """Return the sums of products of matrices of a Scalar's numbers, before they are rounded.

        They are numbers of ``result``. The factors that undo scales are multiplied into them.

        Raises:
            ShapeError: They are not two matrices, or two batches of them, of matching shapes.
        """
        if not (a.ndim == b.ndim in (2, 3) and a.shape[-1] == b.shape[-2]):
            raise ShapeError(
                f"a contraction takes shapes (n, k) and (k, m), or batches of them; got {a.shape}"
                f" and {b.shape}"
            )
        wide = self.accumulate.scalar
        a, left = entered(self.left, scalar, a)
        b, right = entered_columns(self.right, scalar, b)
        a = cast_storage(wide, scalar_of(self.left), a)
        b = cast_storage(wide, scalar_of(self.right), b)
        if left is None and right is None:
            return self.accumulate.sums(a, b)
        return scaled_sums(self.accumulate, a, b, Factors(left, right), self.result)

    def rounded(self, sums: Storage) -> Storage:
        """Return sums in the Scalar of the output."""
        return cast_storage(self.output, self.result, sums)

    @property
    def swapped(self) -> Contraction:
        """The same contraction with its operands in the other order."""
        return replace(self, left=self.right, right=self.left)

    def with_scalars(self, change: ChangeScalar) -> Contraction:
        """Return the same contraction in other Scalars."""
        return Contraction(
            change_operand(self.left, change),
            change_operand(self.right, change),
            self.accumulate.with_scalars(change),
            change(self.output),
        )


def recorded(contraction: Contraction, x: Tensor) -> Contraction:
    """Return a contraction for the program that a tensor belongs to: recorded if that is."""
    return contraction.with_scalars(lambda scalar: recorded_like(x.scalar, scalar))


def _contract_storage(
    scalar: Scalar, a: Storage, b: Storage, *, contraction: Contraction
) -> Storage:
    return contraction.rounded(contraction.sums(scalar, a, b))


def _output(scalar: Scalar, *, contraction: Contraction) -> Scalar:
    return contraction.output


_contract: Primitive = Primitive(
    "contract",
    _contract_storage,
    (
        lambda g, z, a, b, *, contraction: _gradient(g, _turned(b), a, contraction),
        lambda g, z, a, b, *, contraction: _gradient(_turned(a), g, b, contraction),
    ),
    result=_output,
)


def _gradient(left: Tensor, right: Tensor, x: Tensor, contraction: Contraction) -> Tensor:
    scalar = x.scalar
    return cast(contract(cast(left, scalar), cast(right, scalar), contraction), scalar)


def _turned(x: Tensor) -> Tensor:
    return transpose(x) if x.ndim == 2 else swap_last(x)


@checked
def contract(a: Tensor, b: Tensor, contraction: Contraction) -> Tensor:
    """Return the product of matrices (n, k) and (k, m), or of batches (i, n, k) and (i, k, m).

    Gradients are contractions by the same rule.

    Raises:
        ShapeError: The shapes do not match.
    """
    return _contract(a, b, contraction=recorded(contraction, a))
