"""The primitives, and what is said in terms of them.

Each primitive's line gives its forward operation and, for each input, the vector-Jacobian product;
g is the output's cotangent, z the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from numlean.autograd.primitive import Primitive
from numlean.errors import ShapeError
from numlean.scalar.protocol import Axis, Contraction, Order, Scalar, Storage
from numlean.scalar.shapes import kept_shape

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor


def unbroadcast(g: Tensor, x: Tensor) -> Tensor:
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
        return (x if x.flags.c_contiguous else scalar.copy(x)).reshape(shape)
    except ValueError:
        raise ShapeError(f"cannot reshape {x.shape} into {shape}") from None


def _permuted(scalar: Scalar, x: Storage, *, axes: tuple[int, ...]) -> Storage:
    if sorted(axes) != list(range(x.ndim)):
        raise ShapeError(f"an array with {x.ndim} axes cannot have them in the order {axes}")
    return x.transpose(axes)


def _sliced(scalar: Scalar, x: Storage, *, where: tuple[slice, ...]) -> Storage:
    if len(where) > x.ndim:
        raise ShapeError(f"{len(where)} slices of an array with {x.ndim} axes")
    return x[where]


def _concatenated(scalar: Scalar, *arrays: Storage, axis: int) -> Storage:
    return scalar.concat(arrays, axis)


def _piece(g: Tensor, z: Tensor, *arrays: Tensor, axis: int, number: int) -> Tensor:
    start = sum(x.shape[axis] for x in arrays[:number])
    whole = (slice(None),) * (axis % z.ndim)
    return slice_(g, (*whole, slice(start, start + arrays[number].shape[axis])))


def _broadcast(scalar: Scalar, x: Storage, *, shape: tuple[int, ...]) -> Storage:
    try:
        return scalar.copy(np.broadcast_to(x, shape))
    except ValueError:
        raise ShapeError(f"cannot broadcast {x.shape} to {shape}") from None


def _where(scalar: Scalar, a: Storage, b: Storage, x: Storage, *, relation: str) -> Storage:
    return scalar.where(getattr(scalar, relation)(a, b), x)


def _to_first_greatest(scalar: Scalar, g: Storage, x: Storage, *, axis: int) -> Storage:
    return scalar.scatter_along_axis(g, scalar.argmax(x, axis), x.shape[axis], axis)


def _at_first_greatest(scalar: Scalar, y: Storage, x: Storage, *, axis: int) -> Storage:
    return scalar.take_along_axis(y, scalar.argmax(x, axis), axis)


def _relu(scalar: Scalar, x: Storage) -> Storage:
    return scalar.maximum(x, scalar.from_float(0.0))


add: Primitive = Primitive(
    "add",
    _forward("add"),
    (
        lambda g, z, x, y: unbroadcast(g, x),
        lambda g, z, x, y: unbroadcast(g, y),
    ),
)
sub: Primitive = Primitive(
    "sub",
    _forward("sub"),
    (
        lambda g, z, x, y: unbroadcast(g, x),
        lambda g, z, x, y: unbroadcast(neg(g), y),
    ),
)
mul: Primitive = Primitive(
    "mul",
    _forward("mul"),
    (
        lambda g, z, x, y: unbroadcast(mul(g, y), x),
        lambda g, z, x, y: unbroadcast(mul(g, x), y),
    ),
)
div: Primitive = Primitive(
    "div",
    _forward("div"),
    (
        lambda g, z, x, y: unbroadcast(div(g, y), x),
        lambda g, z, x, y: unbroadcast(neg(div(mul(g, z), y)), y),
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
    (lambda g, z, x: mul(g, div(exp(neg(mul(x, x))), sqrt(atan(x.literal(1.0))))),),
)
"""The derivative is 2 / sqrt(pi) * exp(-x*x), and sqrt(pi) / 2 = sqrt(atan(1))."""

pow_: Primitive = Primitive(
    "pow",
    _forward("pow"),
    (
        lambda g, z, x, y: unbroadcast(mul(g, mul(y, pow_(x, y - 1.0))), x),
        lambda g, z, x, y: unbroadcast(_where_positive(abs_(x), mul(g, mul(z, log(x)))), y),
    ),
)
"""The exponent has gradient zero at base zero, and a NaN at a negative one."""

where: Primitive = Primitive(
    "where",
    _where,
    (
        None,
        None,
        lambda g, z, a, b, x, *, relation: unbroadcast(where(a, b, g, relation=relation), x),
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
        lambda g, z, x, y: unbroadcast(where(y, x, g, relation="le"), x),
        lambda g, z, x, y: unbroadcast(where(x, y, g, relation="lt"), y),
    ),
)
"""The gradient of a tie goes to the first."""

minimum: Primitive = Primitive(
    "minimum",
    _forward("minimum"),
    (
        lambda g, z, x, y: unbroadcast(where(x, y, g, relation="le"), x),
        lambda g, z, x, y: unbroadcast(where(y, x, g, relation="lt"), y),
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
_bmm: Primitive = Primitive(
    "bmm",
    _forward("bmm"),
    (
        lambda g, z, a, b, *, contraction: _bmm(g, swap_last(b), contraction=contraction),
        lambda g, z, a, b, *, contraction: _bmm(swap_last(a), g, contraction=contraction),
    ),
)
_greatest: Primitive = Primitive("max", _forward("max"), (None,))

_max: Primitive = Primitive(
    "max", _forward("max"), (lambda g, z, x, *, axis: _to_greatest(g, x, axis=axis),)
)
_to_greatest: Primitive = Primitive(
    "to_greatest",
    _to_first_greatest,
    (lambda h, z, g, x, *, axis: _of_greatest(h, x, axis=axis), None),
)
_of_greatest: Primitive = Primitive(
    "of_greatest",
    _at_first_greatest,
    (lambda g, z, y, x, *, axis: _to_greatest(g, x, axis=axis), None),
)

_take: Primitive = Primitive(
    "take",
    _forward("take"),
    (lambda g, z, x, index, *, row_axes: scatter_add(g, index, shape=x.shape), None),
)
scatter_add: Primitive = Primitive(
    "scatter_add",
    _forward("scatter_add"),
    (lambda g, z, x, index, *, shape: take(g, index, row_axes=x.ndim - index.ndim), None),
)
"""An array of ``shape`` into whose cells x is added; see ``Scalar.scatter_add``."""

_take_along_axis: Primitive = Primitive(
    "take_along_axis",
    _forward("take_along_axis"),
    (
        lambda g, z, x, index, *, axis: _scatter_along_axis(
            g, index, extent=x.shape[axis], axis=axis
        ),
        None,
    ),
)
_scatter_along_axis: Primitive = Primitive(
    "scatter_along_axis",
    _forward("scatter_along_axis"),
    (lambda g, z, x, index, *, extent, axis: _take_along_axis(g, index, axis=axis), None),
)

_sum: Primitive = Primitive(
    "sum",
    _forward("sum"),
    (
        lambda g, z, x, *, axis, reduction: broadcast_to(
            reshape(g, kept_shape(x.shape, axis)), x.shape
        ),
    ),
)
_broadcast_to: Primitive = Primitive(
    "broadcast_to", _broadcast, (lambda g, z, x, *, shape: unbroadcast(g, x),)
)
_reshape: Primitive = Primitive(
    "reshape", _reshaped, (lambda g, z, x, *, shape: _reshape(g, shape=x.shape),)
)
_permute: Primitive = Primitive(
    "permute",
    _permuted,
    (lambda g, z, x, *, axes: permute(g, tuple(int(k) for k in np.argsort(axes))),),
)
_slice: Primitive = Primitive(
    "slice",
    _sliced,
    (lambda g, z, x, *, where: _pad(g, shape=x.shape, where=where),),
)
_pad: Primitive = Primitive(
    "pad",
    _forward("pad"),
    (lambda g, z, x, *, shape, where: slice_(g, where),),
)


def matmul(a: Tensor, b: Tensor, *, contraction: Contraction = "separate") -> Tensor:
    """The product of matrices (n, k) and (k, m); see ``Scalar.matmul``."""
    return _matmul(a, b, contraction=contraction)


def bmm(a: Tensor, b: Tensor, *, contraction: Contraction = "separate") -> Tensor:
    """The products of matrices, batches (m, n, k) and (m, k, l); see ``Scalar.bmm``."""
    return _bmm(a, b, contraction=contraction)


def take(x: Tensor, index: Tensor, *, row_axes: int = 0) -> Tensor:
    """The elements of x at places counted in C order, +0 at -1; see ``Scalar.take``."""
    return _take(x, index, row_axes=row_axes)


def take_along_axis(x: Tensor, index: Tensor, axis: int = -1) -> Tensor:
    """Along an axis, the element of x at the place that the index has there; +0 at -1."""
    return _take_along_axis(x, index, axis=axis)


def max_(x: Tensor, axis: int = -1) -> Tensor:
    """The greatest along an axis; the gradient of a tie goes to the first."""
    return _max(x, axis=axis)


def sum_(
    x: Tensor, axis: Axis = None, *, keepdims: bool = False, reduction: Order = "ordered"
) -> Tensor:
    """The sum over axes; see ``Scalar.sum``."""
    total = _sum(x, axis=axis, reduction=reduction)
    return reshape(total, kept_shape(x.shape, axis)) if keepdims else total


def broadcast_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """X repeated along new and unit axes."""
    return _broadcast_to(x, shape=shape)


def reshape(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The same elements in C order, in another shape; one extent may be -1."""
    return _reshape(x, shape=shape)


def permute(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """X with its axes in another order."""
    return _permute(x, axes=axes)


def transpose(x: Tensor) -> Tensor:
    """X with its axes in reverse."""
    return permute(x, tuple(range(x.ndim))[::-1])


def swap_last(x: Tensor) -> Tensor:
    """X with its last two axes exchanged."""
    *others, rows, columns = range(x.ndim)
    return permute(x, (*others, columns, rows))


def slice_(x: Tensor, where: tuple[slice, ...]) -> Tensor:
    """A part of x, one slice an axis; axes not named are whole."""
    return _slice(x, where=where)


def concat(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Tensors one after the other along an axis."""
    return _concat(len(tensors))(*tensors, axis=axis)


@cache
def _concat(count: int) -> Primitive:
    vjps = tuple(partial(_piece, number=number) for number in range(count))
    return Primitive("concat", _concatenated, vjps)


def max_constant(x: Tensor, axis: int = -1, *, keepdims: bool = True) -> Tensor:
    """The greatest along an axis; a constant to gradients."""
    return _greatest(x, axis=axis, keepdims=keepdims)


def _where_positive(x: Tensor, y: Tensor) -> Tensor:
    return where(x.literal(0.0), x, y, relation="lt")
