"""Products of matrices with operands, sums and results in different Scalars.

In a vector-Jacobian product, g is the output's cotangent and z the output.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import final

from numlean.arguments import checked
from numlean.autograd.primitive import Primitive
from numlean.autograd.primitives import cast, swap_last, transpose
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.precision.accumulation import Accumulation, ChangeScalar, cast_storage
from numlean.precision.scaling.entered_operands import EnteredOperands
from numlean.precision.scaling.factors import Factors, Side, scalar_of_sums, scaled_sums
from numlean.precision.scaling.operand import (
    Operand,
    ScaledOperand,
    change_operand,
    scalar_of,
)
from numlean.precision.unit_accumulation import Unit
from numlean.scalar.product_scope import in_product
from numlean.scalar.protocol import Numbers, Scalar, Storage
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
        role: Which of a layer's products it is for: ``forward``, ``input_gradient`` or
            ``weight_gradient``; "" if it is for no layer.
        first: The operand whose factor multiplies the sums first, if its codes are integers.
        sides: What the operands are in the layer: ``input``, ``weight`` or ``gradient``, and
            ``left`` or ``right`` without a weight.

    Raises:
        NumleanError: The rule lacks numbers of an operand, or scales do not fit each other or the
            rule.
    """

    left: Operand
    right: Operand
    accumulate: Accumulation
    output: Scalar
    role: str = field(default="", compare=False, repr=False)
    first: Side = "left"
    sides: tuple[str, str] = field(default=("left", "right"), compare=False, repr=False)

    def __post_init__(self) -> None:
        self.accumulate.check_operands(scalar_of(self.left), scalar_of(self.right))
        scalar_of_sums(self.left, self.right, self.accumulate)

    @property
    def result(self) -> Scalar | None:
        """The Scalar of the sums before they are rounded to the output; None if they are exact."""
        return scalar_of_sums(self.left, self.right, self.accumulate)

    @property
    def unit_name(self) -> str | None:
        """The full name of the matrix unit that adds up; None without one."""
        if not isinstance(self.accumulate, Unit):
            return None
        formats = (scalar_of(operand).format for operand in (self.left, self.right))
        return self.accumulate.choice.name_of(*formats)

    @classmethod
    def of(cls, operands: Scalar, accumulate: Accumulation) -> Contraction:
        """Return the contraction of operands of one Scalar, whose results are of the same."""
        return cls(operands, operands, accumulate, operands)

    def product(self, scalar: Scalar, a: Storage, b: Storage, *addend: Storage) -> Storage:
        """Return the product of matrices of a Scalar's numbers, rounded to the output.

        The addend, if there is one, is of the same Scalar and broadcasts to the product. It is the
        last term of each sum, exact, before the sum is rounded to the output. Where operands are
        scaled, the factors that undo their scales are multiplied into the sums before it is added.

        Raises:
            ShapeError: The operands are not two matrices, or two batches of them, of matching
                shapes.
        """
        if not (a.ndim == b.ndim in (2, 3) and a.shape[-1] == b.shape[-2]):
            raise ShapeError(
                f"a contraction takes shapes (n, k) and (k, m), or batches of them; got {a.shape}"
                f" and {b.shape}"
            )
        given = (Numbers(scalar, x) for x in (a, b, *addend))
        with in_product(self, *given) as whole:
            operands = EnteredOperands.of(self.left, self.right, scalar, a, b)
            further = Numbers(scalar, addend[0]) if addend else None
            whole.multiplied = operands.multiplied(further)
            whole.sums = self._sums(operands, further)
            z = self._rounded(operands, further, whole.sums)
            whole.result = Numbers(self.output, z)
        return z

    def of_entered(self, operands: EnteredOperands, further: Numbers | None) -> Storage:
        """Return the product of operands that are rounded and scaled already, plus an addend."""
        return self._rounded(operands, further, self._sums(operands, further))

    def _sums(self, operands: EnteredOperands, further: Numbers | None) -> Numbers | None:
        """Return the sums before they are rounded to the output; None if they are exact."""
        a, b, left, right = operands.a, operands.b, operands.left, operands.right
        own = self.result
        if own is None:
            return None
        if left is None and right is None:
            return Numbers(own, self.accumulate.product(a, b, further, own))
        sums = scaled_sums(self.accumulate, a, b, Factors(left, right, self.first), own)
        if further is not None:
            sums = own.add(sums, cast_storage(own, *further))
        return Numbers(own, sums)

    def _rounded(
        self, operands: EnteredOperands, further: Numbers | None, sums: Numbers | None
    ) -> Storage:
        if sums is None:
            return self.accumulate.product(*operands.values, further, self.output)
        return cast_storage(self.output, *sums)

    @property
    def swapped(self) -> Contraction:
        """The same contraction with its operands in the other order."""
        first: Side = "right" if self.first == "left" else "left"
        left, right = self.sides
        return replace(self, left=self.right, right=self.left, first=first, sides=(right, left))

    def with_scalars(self, change: ChangeScalar) -> Contraction:
        """Return the same contraction in other Scalars."""
        return Contraction(
            change_operand(self.left, change),
            change_operand(self.right, change),
            self.accumulate.with_scalars(change),
            change(self.output),
            self.role,
            self.first,
            self.sides,
        )

    def __str__(self) -> str:
        sides = (self.left, self.right)
        texts = (str(each) if isinstance(each, ScaledOperand) else each.name for each in sides)
        operands = " and ".join(dict.fromkeys(texts))
        return f"operands {operands}; sums {self.accumulate}; result {self.output.name}"


def recorded(contraction: Contraction, x: Tensor) -> Contraction:
    """Return a contraction for the program that a tensor belongs to: recorded if that is."""
    return contraction.with_scalars(lambda scalar: recorded_like(x.scalar, scalar))


def _contract_storage(
    scalar: Scalar, a: Storage, b: Storage, *, contraction: Contraction
) -> Storage:
    return contraction.product(scalar, a, b)


def _output(scalar: Scalar, *, contraction: Contraction) -> Scalar:
    return contraction.output


_contract: Primitive = Primitive(
    "contract",
    _contract_storage,
    (
        lambda g, z, a, b, *, contraction: _gradient(g, turned(b), a, contraction),
        lambda g, z, a, b, *, contraction: _gradient(turned(a), g, b, contraction),
    ),
    result=_output,
)


def _gradient(left: Tensor, right: Tensor, x: Tensor, contraction: Contraction) -> Tensor:
    scalar = x.scalar
    return cast(contract(cast(left, scalar), cast(right, scalar), contraction), scalar)


def turned(x: Tensor) -> Tensor:
    """Return a matrix, or each matrix of a batch, transposed."""
    return transpose(x) if x.ndim == 2 else swap_last(x)


@checked
def contract(a: Tensor, b: Tensor, contraction: Contraction) -> Tensor:
    """Return the product of matrices (n, k) and (k, m), or of batches (i, n, k) and (i, k, m).

    Gradients are contractions by the same rule.

    Raises:
        ShapeError: The shapes do not match.
    """
    return _contract(a, b, contraction=recorded(contraction, a))
