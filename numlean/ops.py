"""Operations on tensors, for functions of one's own: ``nl.ops.log1p(x)``.

Sums, differences, products and quotients are operators: ``x + y``, ``x @ y``, ``x[0]``. Where an
operation takes several tensors, one of them may be a Python number or an array: a binary64 literal,
which enters the arithmetic with one rounding, as with operators. All have gradients, and all round
as their Scalar does; see ``numlean.Scalar`` for what each computes, and in which order.
"""

from __future__ import annotations

from collections.abc import Sequence

from numlean.autograd import functions, operations
from numlean.autograd.literal import TensorLike, as_tensor
from numlean.autograd.primitive import Primitive
from numlean.autograd.tensor import Operand, Tensor
from numlean.errors import NumleanError
from numlean.scalar.protocol import Axis, Contraction, Order


def sqrt(x: Tensor) -> Tensor:
    """The square roots."""
    return operations.sqrt(x)


def rsqrt(x: Tensor) -> Tensor:
    """The reciprocals of square roots, rounded once."""
    return operations.rsqrt(x)


def cbrt(x: Tensor) -> Tensor:
    """The cube roots."""
    return functions.cbrt(x)


def exp(x: Tensor) -> Tensor:
    """The exponentials."""
    return operations.exp(x)


def exp2(x: Tensor) -> Tensor:
    """The powers of two."""
    return functions.exp2(x)


def expm1(x: Tensor) -> Tensor:
    """Each exp(x) - 1, rounded once."""
    return operations.expm1(x)


def log(x: Tensor) -> Tensor:
    """The natural logarithms."""
    return operations.log(x)


def log2(x: Tensor) -> Tensor:
    """The logarithms to base 2."""
    return functions.log2(x)


def log10(x: Tensor) -> Tensor:
    """The logarithms to base 10."""
    return functions.log10(x)


def log1p(x: Tensor) -> Tensor:
    """Each log(1 + x), rounded once."""
    return operations.log1p(x)


def sin(x: Tensor) -> Tensor:
    """The sines of radians."""
    return operations.sin(x)


def cos(x: Tensor) -> Tensor:
    """The cosines of radians."""
    return operations.cos(x)


def tan(x: Tensor) -> Tensor:
    """The tangents of radians."""
    return operations.tan(x)


def asin(x: Tensor) -> Tensor:
    """The arcsines."""
    return functions.asin(x)


def acos(x: Tensor) -> Tensor:
    """The arccosines."""
    return operations.acos(x)


def atan(x: Tensor) -> Tensor:
    """The arctangents."""
    return operations.atan(x)


def atan2(y: Operand, x: Operand) -> Tensor:
    """The angles of the points (x, y)."""
    return _applied(functions.atan2, y, x)


def sinh(x: Tensor) -> Tensor:
    """The hyperbolic sines."""
    return operations.sinh(x)


def cosh(x: Tensor) -> Tensor:
    """The hyperbolic cosines."""
    return operations.cosh(x)


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangents."""
    return operations.tanh(x)


def asinh(x: Tensor) -> Tensor:
    """The inverses of sinh."""
    return functions.asinh(x)


def acosh(x: Tensor) -> Tensor:
    """The inverses of cosh."""
    return functions.acosh(x)


def atanh(x: Tensor) -> Tensor:
    """The inverses of tanh."""
    return functions.atanh(x)


def erf(x: Tensor) -> Tensor:
    """The error function."""
    return operations.erf(x)


def sigmoid(x: Tensor) -> Tensor:
    """Each 1 / (1 + exp(-x)), rounded once."""
    return operations.sigmoid(x)


def softplus(x: Tensor) -> Tensor:
    """Each log(1 + exp(x)), rounded once."""
    return operations.softplus(x)


def pow(x: Operand, y: Operand) -> Tensor:  # noqa: A001 (what Python calls it)
    """Each x to the power y, rounded once."""
    return _applied(operations.pow_, x, y)


def hypot(x: Operand, y: Operand) -> Tensor:
    """Each sqrt(x*x + y*y), rounded once."""
    return _applied(functions.hypot, x, y)


def fma(x: Operand, y: Operand, z: Operand) -> Tensor:
    """Each x * y + z, rounded once."""
    return _applied(functions.fma, x, y, z)


def abs(x: Tensor) -> Tensor:  # noqa: A001 (what Python calls it)
    """The magnitudes."""
    return operations.abs_(x)


def relu(x: Tensor) -> Tensor:
    """Each maximum(x, +0)."""
    return operations.relu(x)


def minimum(x: Operand, y: Operand) -> Tensor:
    """The lesser of two; a NaN propagates; -0 is below +0."""
    return _applied(operations.minimum, x, y)


def maximum(x: Operand, y: Operand) -> Tensor:
    """The greater of two; a NaN propagates; -0 is below +0."""
    return _applied(operations.maximum, x, y)


def where(a: Operand, relation: str, b: Operand, x: Operand) -> Tensor:
    """X where a stands in the relation "lt", "le" or "eq" to b, +0 elsewhere.

    What is chosen by numbers is chosen so, not by a Python ``if``, if all arithmetics are to do the
    same operations.

    Raises:
        NumleanError: There is no such relation.
    """
    if relation not in ("lt", "le", "eq"):
        raise NumleanError(f"where knows the relations lt, le and eq, not {relation!r}")
    return operations.where(*_tensors(a, b, x), relation=relation)


def matmul(a: Tensor, b: Tensor, *, contraction: Contraction = "separate") -> Tensor:
    """The product of matrices (n, k) and (k, m): k ascending from +0; "fma" fuses."""
    return operations.matmul(a, b, contraction=contraction)


def sum(  # noqa: A001 (what Python calls it)
    x: Tensor, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
) -> Tensor:
    """The sum over an axis, several, or all.

    Ordered: +0, then each added for ascending index. Pairwise: by the balanced binary tree that
    splits an index range at the largest power of two below its length.
    """
    return operations.sum_(x, axis, keepdims=keepdims, reduction=reduction)


def max(x: Tensor, axis: int = -1) -> Tensor:  # noqa: A001 (what Python calls it)
    """The greatest along an axis."""
    return operations.max_(x, axis)


def concat(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors one after the other along an axis."""
    return operations.concat(tensors, axis)


def stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors of one shape side by side along a new first axis."""
    return operations.concat([x.reshape(1, *x.shape) for x in tensors], 0)


def constant(x: Tensor, value: TensorLike) -> Tensor:
    """A number in the arithmetic of a tensor, rounded once from what is meant.

    Args:
        x: Any tensor of the arithmetic.
        value: A text such as ``"0.1"`` or ``"1/3"``, a ``Fraction``, an integer, or an array.

    Raises:
        NumleanError: It is no number.
    """
    return as_tensor(x.scalar, value)


def _applied(primitive: Primitive, *operands: Operand) -> Tensor:
    return primitive(*_tensors(*operands))


def _tensors(*operands: Operand) -> list[Tensor]:
    """Operands as tensors, in the arithmetic of those that are."""
    scalars = [x.scalar for x in operands if isinstance(x, Tensor)]
    if not scalars:
        raise NumleanError(f"one operand at least must be a Tensor; got {operands!r}")
    return [x if isinstance(x, Tensor) else Tensor.of(scalars[0], x) for x in operands]
