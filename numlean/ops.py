"""Operations on tensors, for user-defined functions: ``nl.ops.log1p(x)``.

Sums, differences, products and quotients are operators: ``x + y``, ``x @ y``, ``x[0]``. Where an
operation takes several tensors, one of them may be a Python number or an array: a binary64 literal,
which enters the arithmetic with one rounding, as with operators. All have gradients, and all round
as their Scalar does; see ``numlean.Scalar`` for their definitions and orders.

The functions of one operand are primitives: ``exp(x)`` applies the Scalar's ``exp`` to a tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any, overload

from numlean.arguments import checked, describe_value
from numlean.autograd import norms, primitives
from numlean.autograd.literal import TensorLike, as_tensor
from numlean.autograd.primitive import Primitive
from numlean.autograd.primitives.elementary import *  # noqa: F403
from numlean.autograd.primitives.elementwise import Mask
from numlean.autograd.primitives.elementwise import relu as relu
from numlean.autograd.primitives.elementwise import sqrt as sqrt
from numlean.autograd.tensor import Operand, Tensor
from numlean.errors import NumleanError, UnknownNameError
from numlean.scalar.checks import as_mask
from numlean.scalar.conversion import Conversion
from numlean.scalar.protocol import Axis, Contraction, Order, Scalar
from numlean.scalar.registry import scalar_on
from numlean.scalar.shapes import axes_of, keepdims_shape

__all__ = [
    "abs",
    "atan2",
    "cast",
    "clamp",
    "concat",
    "constant",
    "fma",
    "hypot",
    "matmul",
    "max",
    "maximum",
    "min",
    "minimum",
    "norm",
    "pow",
    "relu",
    "sqrt",
    "stack",
    "sum",
    "where",
]
__all__ += primitives.elementary.__all__

# Python's name of this operation.
abs = primitives.abs_  # noqa: A001


@checked
def max(x: Tensor, axis: Axis = -1, *, keepdims: bool = False) -> Tensor:  # noqa: A001
    """Return the greatest along axes, None for all; the gradient of a tie goes to the first."""
    return x.max(axis, keepdims=keepdims)


@checked
def min(x: Tensor, axis: Axis = -1, *, keepdims: bool = False) -> Tensor:  # noqa: A001
    """Return the least along axes, None for all, as -max(-x)."""
    return x.min(axis, keepdims=keepdims)


@checked
def sum(  # noqa: A001 (Python's name)
    x: Tensor, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
) -> Tensor:
    """Return the sum over an axis, several, or all.

    Ordered: +0, then each added for ascending index. Pairwise: by the balanced binary tree that
    splits an index range at the largest power of two below its length.
    """
    return primitives.sum_(x, axis, keepdims=keepdims, reduction=reduction)


@checked
def matmul(a: Tensor, b: Tensor, *, contraction: Contraction = "separate") -> Tensor:
    """Return the product of matrices (n, k) and (k, m): k ascending from +0; "fma" fuses."""
    return primitives.matmul(a, b, contraction=contraction)


@checked
def concat(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Return tensors one after the other along an axis.

    Raises:
        ShapeError: There are none, or their shapes do not match.
    """
    return primitives.concat(tensors, axis)


@checked
def stack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors of one shape, one after the other along a new first axis."""
    return primitives.stack(tensors)


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


@overload
def where(a: Operand, b: str, x: Operand, y: Operand, z: Operand | None = None, /) -> Tensor: ...
@overload
def where(a: Mask, b: Operand, x: Operand, /) -> Tensor: ...
def where(*arguments: Any) -> Tensor:
    """Return one of two branches for each element; both are computed.

    ``where(a, relation, b, x, y)`` is x where a stands in the relation "lt", "le" or "eq" to b, and
    y elsewhere; +0 without y. A function that chooses by numbers uses this instead of a Python
    ``if``, so that every arithmetic carries out the same operations, and a compiled step chooses
    again.

    ``where(mask, x, y)`` is numpy's form. The mask is data: a compiled step keeps that of its first
    run.

    Raises:
        NumleanError: The arguments have neither form, or the mask is not one.
        UnknownNameError: The relation is unknown.
    """
    match arguments:
        case (a, str(relation), b, x):
            return primitives.where(*_tensors(a, b, x), relation=_known(relation))
        case (a, str(relation), b, x, y):
            return primitives.choose(*_tensors(a, b, x, y), relation=_known(relation))
        case (mask, x, y):
            return primitives.masked(*_tensors(x, y), mask=as_mask(mask))
    raise NumleanError(
        "where takes (mask, x, y), or (a, relation, b, x, y) with the relation 'lt', 'le' or 'eq';"
        f" got {describe_value(arguments)}"
    )


def clamp(x: Tensor, low: Operand | None = None, high: Operand | None = None) -> Tensor:
    """Return minimum(maximum(x, low), high), without the parts that are None.

    A NaN stays one. The gradient is that of x from low to high, the ends included, and +0 beyond.

    Raises:
        NumleanError: There is neither limit.
    """
    if low is None and high is None:
        raise NumleanError("clamp needs a lower or an upper limit, such as clamp(x, -1.0, 1.0)")
    z = x if low is None else maximum(x, low)
    return z if high is None else minimum(z, high)


@checked
def norm(x: Tensor, axis: Axis = None, *, order: float = 2, keepdims: bool = False) -> Tensor:
    """Return the norm over axes, None for all.

    The norm of order 2, sqrt(sum of x*x), scales first: with u the power of two at or below the
    greatest magnitude, and w a power of two, it is (sqrt(sum of (x/u/w)^2) * w) * u, the sum from
    +0 in C order. Where neither a square nor the sum overflows or underflows, the bits are those of
    sqrt(sum of x*x). w is the least power of two, from 1, for which so many terms of 4/w^2 are in
    the format's range: 1, but for formats of few exponents. The gradient is x / norm, +0 where the
    norm is 0. Order 1 is the sum of magnitudes; order inf the greatest.

    Raises:
        NumleanError: The order is neither 1, 2 nor inf.
    """
    if order == inf:
        return primitives.abs_(x).max(axis, keepdims=keepdims)
    if order == 1:
        return primitives.sum_(primitives.abs_(x), axis, keepdims=keepdims)
    if order != 2:
        raise NumleanError(f"norm has the orders 1, 2 and inf, got {order}")
    axes = axes_of(axis, x.ndim)
    z = norms.norm(x, axes=axes)
    if keepdims:
        return primitives.reshape(z, keepdims_shape(x.shape, axis))
    return primitives.reshape(z, tuple(n for k, n in enumerate(x.shape) if k not in axes))


@checked
def cast(
    x: Tensor,
    dtype: Scalar | str,
    *,
    rounding: str | None = None,
    overflow: str | None = None,
    seed: int | None = None,
) -> Tensor:
    """Return the numbers in another arithmetic, each rounded once from its exact value.

    A tensor of the same arithmetic is returned as it is. Otherwise a NaN becomes the default NaN, a
    zero keeps its sign, and an infinity becomes what the arithmetic gives for an overflow if it has
    no infinities. Rounding and overflow are the dtype's (``"e4m3@overflow=saturate"``), or those of
    this conversion alone: ``nl.cast(x, "e4m3", rounding="toward_zero", overflow="saturate")`` is a
    tensor of ``e4m3``, whose operations round as ever.

    The gradient is straight-through: as if nothing were rounded. The cotangent of x is that of the
    result, cast to the arithmetic of x, by that one's own rounding.

    Args:
        x: The tensor.
        dtype: The arithmetic, or its dtype such as ``"bfloat16"``, on the tensor's device if it
            runs there.
        rounding: A direction such as ``"toward_zero"`` or ``"RZ"``, ``"stochastic"`` or
            ``"stochastic_a:8"`` (``_b``, ``_c``).
        overflow: ``"infinite"``, ``"saturate"``, ``"saturate_finite"`` or ``"nan"``; to
            fixed-point numbers also ``"wrap"``. With it, numbers of the same arithmetic are
            converted too.
        seed: The seed of a stochastic rounding.

    Raises:
        NumleanError: The dtype or a choice is unknown, the arithmetic lacks the choice, or the
            tensor holds indices.
    """
    conversion = Conversion.of(rounding, overflow, seed)
    scalar = scalar_on(dtype, x.scalar.device) if isinstance(dtype, str) else dtype
    if seed is not None and rounding is None and scalar.is_deterministic:
        raise NumleanError(f"seed={seed} is for a stochastic rounding: give rounding too")
    return primitives.cast(x, scalar, conversion)


def constant(x: Tensor, value: TensorLike) -> Tensor:
    """Return a number in the arithmetic of a tensor, rounded once from its exact value.

    Args:
        x: Any tensor of the arithmetic.
        value: A text such as ``"0.1"`` or ``"1/3"``, a ``Fraction``, an integer, or an array.

    Raises:
        NumleanError: The value is not a number.
    """
    return as_tensor(_tensors(x)[0].scalar, value)


def _known(relation: str) -> str:
    if relation not in ("lt", "le", "eq"):
        raise UnknownNameError("relation", relation, ("lt", "le", "eq"))
    return relation


def _apply(primitive: Primitive, *operands: Operand) -> Tensor:
    return primitive(*_tensors(*operands))


def _tensors(*operands: Operand) -> list[Tensor]:
    """Return the operands as tensors, in the arithmetic of those that are."""
    scalars = [x.scalar for x in operands if isinstance(x, Tensor)]
    if not scalars:
        raise NumleanError(f"one operand at least must be a Tensor; got {describe_value(operands)}")
    return [x if isinstance(x, Tensor) else Tensor.of(scalars[0], x) for x in operands]
