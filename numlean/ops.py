"""Operations on tensors, for user-defined functions: ``nl.ops.log1p(x)``.

Sums, differences, products and quotients are operators: ``x + y``, ``x @ y``, ``x[0]``. Where an
operation takes several tensors, one of them may be a Python number or an array: a binary64 literal,
which enters the arithmetic with one rounding, as with operators. All have gradients, and all round
as their Scalar does; see ``numlean.Scalar`` for their definitions and orders.

The functions of one operand are primitives: ``exp(x)`` applies the Scalar's ``exp`` to a tensor.
"""

from __future__ import annotations

from numlean.autograd import primitives
from numlean.autograd.literal import TensorLike, as_tensor
from numlean.autograd.primitive import Primitive
from numlean.autograd.primitives.elementary import *  # noqa: F403
from numlean.autograd.primitives.elementwise import relu as relu
from numlean.autograd.primitives.elementwise import sqrt as sqrt
from numlean.autograd.primitives.movement import concat as concat
from numlean.autograd.primitives.movement import stack as stack
from numlean.autograd.primitives.reductions import matmul as matmul
from numlean.autograd.tensor import Operand, Tensor
from numlean.errors import NumleanError, UnknownNameError

# Python's names of these operations.
abs = primitives.abs_  # noqa: A001
max = primitives.max_  # noqa: A001
sum = primitives.sum_  # noqa: A001


def pow(x: Operand, y: Operand) -> Tensor:  # noqa: A001 (Python's name)
    """Return x to the power y, rounded once."""
    return _apply(primitives.pow_, x, y)


def hypot(x: Operand, y: Operand) -> Tensor:
    """Return sqrt(x*x + y*y), rounded once."""
    return _apply(primitives.hypot, x, y)


def atan2(y: Operand, x: Operand) -> Tensor:
    """Return the angles of the points (x, y)."""
    return _apply(primitives.atan2, y, x)


def fma(x: Operand, y: Operand, z: Operand) -> Tensor:
    """Return x * y + z, rounded once."""
    return _apply(primitives.fma, x, y, z)


def minimum(x: Operand, y: Operand) -> Tensor:
    """Return the lesser of two; a NaN propagates; -0 is below +0."""
    return _apply(primitives.minimum, x, y)


def maximum(x: Operand, y: Operand) -> Tensor:
    """Return the greater of two; a NaN propagates; -0 is below +0."""
    return _apply(primitives.maximum, x, y)


def where(a: Operand, relation: str, b: Operand, x: Operand) -> Tensor:
    """Return x where a stands in the relation "lt", "le" or "eq" to b, +0 elsewhere.

    A function that chooses by numbers uses this instead of a Python ``if``, so that every
    arithmetic carries out the same operations.

    Raises:
        UnknownNameError: The relation is unknown.
    """
    if relation not in ("lt", "le", "eq"):
        raise UnknownNameError("relation", relation, ("lt", "le", "eq"))
    return primitives.where(*_tensors(a, b, x), relation=relation)


def constant(x: Tensor, value: TensorLike) -> Tensor:
    """Return a number in the arithmetic of a tensor, rounded once from its exact value.

    Args:
        x: Any tensor of the arithmetic.
        value: A text such as ``"0.1"`` or ``"1/3"``, a ``Fraction``, an integer, or an array.

    Raises:
        NumleanError: The value is not a number.
    """
    return as_tensor(x.scalar, value)


def _apply(primitive: Primitive, *operands: Operand) -> Tensor:
    return primitive(*_tensors(*operands))


def _tensors(*operands: Operand) -> list[Tensor]:
    """Return the operands as tensors, in the arithmetic of those that are."""
    scalars = [x.scalar for x in operands if isinstance(x, Tensor)]
    if not scalars:
        raise NumleanError(f"one operand at least must be a Tensor; got {operands!r}")
    return [x if isinstance(x, Tensor) else Tensor.of(scalars[0], x) for x in operands]
