"""The primitives, and what is said in terms of them.

Each primitive's line gives its forward operation and, for each input, the vector-Jacobian product;
g is the output's cotangent, z the output.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean.autograd.primitive import Primitive
from numlean.errors import ShapeError
from numlean.scalar import Axis, Contraction, Scalar, Storage
from numlean.shapes import broadcast, kept_shape
from numlean.tensor import Tensor


def _as_shape_of(g: Tensor, x: Tensor) -> Tensor:
    """Sum a cotangent over the axes along which x was broadcast."""
    if g.shape == x.shape:
        return g
    added = g.ndim - x.ndim
    stretched = [added + k for k, n in enumerate(x.shape) if n == 1 and g.shape[added + k] != 1]
    total = sum_(g, (*range(added), *stretched))
    return reshape(total, x.shape)


def _forward(name: str) -> Any:
    def forward(scalar: Scalar, *arrays: Storage, **parameters: Any) -> Storage:
        result: Storage = getattr(scalar, name)(*arrays, **parameters)
        return result

    return forward


def _reshaped(scalar: Scalar, x: Storage, *, shape: tuple[int, ...]) -> Storage:
    try:
        return x.reshape(shape)
    except ValueError:
        raise ShapeError(f"cannot reshape {x.shape} into {shape}") from None


def _transposed(scalar: Scalar, x: Storage) -> Storage:
    return x.transpose()


def _broadcast(scalar: Scalar, x: Storage, *, shape: tuple[int, ...]) -> Storage:
    try:
        return np.array(np.broadcast_to(x, shape))
    except ValueError:
        raise ShapeError(f"cannot broadcast {x.shape} to {shape}") from None


def _where(scalar: Scalar, a: Storage, b: Storage, x: Storage, *, relation: str) -> Storage:
    holds, x = broadcast("where", (getattr(scalar, relation)(a, b), x))
    return np.where(holds, x, scalar.from_float(0.0))


def _greatest(scalar: Scalar, x: Storage) -> Storage:
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ShapeError(f"there is no greatest of shape {x.shape}: the last axis is empty")
    most = x[..., :1]
    for k in range(1, x.shape[-1]):
        most = scalar.maximum(most, x[..., k : k + 1])
    return most


def _relu(scalar: Scalar, x: Storage) -> Storage:
    return scalar.maximum(x, scalar.from_float(0.0))


add: Primitive = Primitive(
    "add",
    _forward("add"),
    (
        lambda g, z, x, y: _as_shape_of(g, x),
        lambda g, z, x, y: _as_shape_of(g, y),
    ),
)
sub: Primitive = Primitive(
    "sub",
    _forward("sub"),
    (
        lambda g, z, x, y: _as_shape_of(g, x),
        lambda g, z, x, y: _as_shape_of(neg(g), y),
    ),
)
mul: Primitive = Primitive(
    "mul",
    _forward("mul"),
    (
        lambda g, z, x, y: _as_shape_of(mul(g, y), x),
        lambda g, z, x, y: _as_shape_of(mul(g, x), y),
    ),
)
div: Primitive = Primitive(
    "div",
    _forward("div"),
    (
        lambda g, z, x, y: _as_shape_of(div(g, y), x),
        lambda g, z, x, y: _as_shape_of(neg(div(mul(g, z), y)), y),
    ),
)
neg: Primitive = Primitive("neg", _forward("neg"), (lambda g, z, x: neg(g),))
sqrt: Primitive = Primitive("sqrt", _forward("sqrt"), (lambda g, z, x: div(g, z + z),))
exp: Primitive = Primitive("exp", _forward("exp"), (lambda g, z, x: mul(g, z),))
log: Primitive = Primitive("log", _forward("log"), (lambda g, z, x: div(g, x),))
tanh: Primitive = Primitive("tanh", _forward("tanh"), (lambda g, z, x: mul(g, 1.0 - mul(z, z)),))
sinh: Primitive = Primitive("sinh", _forward("sinh"), (lambda g, z, x: mul(g, cosh(x)),))
cosh: Primitive = Primitive("cosh", _forward("cosh"), (lambda g, z, x: mul(g, sinh(x)),))
sin: Primitive = Primitive("sin", _forward("sin"), (lambda g, z, x: mul(g, cos(x)),))
cos: Primitive = Primitive("cos", _forward("cos"), (lambda g, z, x: neg(mul(g, sin(x))),))
tan: Primitive = Primitive("tan", _forward("tan"), (lambda g, z, x: mul(g, 1.0 + mul(z, z)),))
acos: Primitive = Primitive(
    "acos", _forward("acos"), (lambda g, z, x: neg(mul(g, rsqrt(1.0 - mul(x, x)))),)
)
atan: Primitive = Primitive("atan", _forward("atan"), (lambda g, z, x: div(g, 1.0 + mul(x, x)),))
expm1: Primitive = Primitive("expm1", _forward("expm1"), (lambda g, z, x: mul(g, z + 1.0),))
log1p: Primitive = Primitive("log1p", _forward("log1p"), (lambda g, z, x: div(g, 1.0 + x),))
rsqrt: Primitive = Primitive(
    "rsqrt", _forward("rsqrt"), (lambda g, z, x: neg(div(mul(g, z), x + x)),)
)
sigmoid: Primitive = Primitive(
    "sigmoid", _forward("sigmoid"), (lambda g, z, x: mul(g, mul(z, 1.0 - z)),)
)
softplus: Primitive = Primitive(
    "softplus", _forward("softplus"), (lambda g, z, x: mul(g, sigmoid(x)),)
)
erf: Primitive = Primitive(
    "erf",
    _forward("erf"),
    (lambda g, z, x: mul(g, div(exp(neg(mul(x, x))), sqrt(atan(Tensor.of(x.scalar, 1.0))))),),
)
"""The derivative is 2 / sqrt(pi) * exp(-x*x), and sqrt(pi) / 2 = sqrt(atan(1))."""

pow_: Primitive = Primitive(
    "pow",
    _forward("pow"),
    (
        lambda g, z, x, y: _as_shape_of(mul(g, mul(y, pow_(x, y - 1.0))), x),
        lambda g, z, x, y: _as_shape_of(_where_positive(abs_(x), mul(g, mul(z, log(x)))), y),
    ),
)
"""The exponent has gradient zero at base zero, and a NaN at a negative one."""

where: Primitive = Primitive(
    "where",
    _where,
    (
        None,
        None,
        lambda g, z, a, b, x, *, relation: _as_shape_of(where(a, b, g, relation=relation), x),
    ),
)
"""x where a stands in the relation ("lt", "le" or "eq") to b, else +0."""

abs_: Primitive = Primitive(
    "abs",
    _forward("abs"),
    (lambda g, z, x: sub(_where_positive(x, g), _where_positive(neg(x), g)),),
)
relu: Primitive = Primitive("relu", _relu, (lambda g, z, x: _where_positive(x, g),))
"""maximum(x, +0): a NaN stays one. The gradient at zero is zero."""

maximum: Primitive = Primitive(
    "maximum",
    _forward("maximum"),
    (
        lambda g, z, x, y: _as_shape_of(where(y, x, g, relation="le"), x),
        lambda g, z, x, y: _as_shape_of(where(x, y, g, relation="lt"), y),
    ),
)
"""The gradient of a tie goes to the first."""

minimum: Primitive = Primitive(
    "minimum",
    _forward("minimum"),
    (
        lambda g, z, x, y: _as_shape_of(where(x, y, g, relation="le"), x),
        lambda g, z, x, y: _as_shape_of(where(y, x, g, relation="lt"), y),
    ),
)
"""The gradient of a tie goes to the first."""

_matmul: Primitive = Primitive(
    "matmul",
    _forward("matmul"),
    (
        lambda g, z, a, b, *, contraction: _matmul(g, transpose(b), contraction=contraction),
        lambda g, z, a, b, *, contraction: _matmul(transpose(a), g, contraction=contraction),
    ),
)
greatest: Primitive = Primitive("greatest", _greatest, (None,))
"""The greatest along the last axis, which is kept; a constant to gradients."""

_sum: Primitive = Primitive(
    "sum",
    _forward("sum"),
    (lambda g, z, x, *, axis: broadcast_to(reshape(g, kept_shape(x.shape, axis)), x.shape),),
)
_broadcast_to: Primitive = Primitive(
    "broadcast_to", _broadcast, (lambda g, z, x, *, shape: _as_shape_of(g, x),)
)
_reshape: Primitive = Primitive(
    "reshape", _reshaped, (lambda g, z, x, *, shape: _reshape(g, shape=x.shape),)
)
transpose: Primitive = Primitive("transpose", _transposed, (lambda g, z, x: transpose(g),))


def matmul(a: Tensor, b: Tensor, *, contraction: Contraction = "separate") -> Tensor:
    """The product of matrices (n, k) and (k, m); see ``Scalar.matmul``."""
    return _matmul(a, b, contraction=contraction)


def sum_(x: Tensor, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """The sum over axes, ordered; see ``Scalar.sum``."""
    total = _sum(x, axis=axis)
    return reshape(total, kept_shape(x.shape, axis)) if keepdims else total


def broadcast_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """X repeated along new and unit axes."""
    return _broadcast_to(x, shape=shape)


def reshape(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The same elements in C order, in another shape; one extent may be -1."""
    return _reshape(x, shape=shape)


def _where_positive(x: Tensor, y: Tensor) -> Tensor:
    return where(Tensor.of(x.scalar, 0.0), x, y, relation="lt")
