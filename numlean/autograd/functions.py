"""Primitives of the elementary functions that networks have little use for, and the fused product.

As in ``operations``, g is the output's cotangent, z the output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numlean.autograd.operations import (
    add,
    div,
    log,
    mul,
    neg,
    rsqrt,
    unbroadcast,
)
from numlean.autograd.primitive import Primitive
from numlean.scalar.protocol import Scalar, Storage

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor


def _forward(name: str) -> Any:
    def forward(scalar: Scalar, *arrays: Storage) -> Storage:
        result: Storage = getattr(scalar, name)(*arrays)
        return result

    return forward


def _log_of(value: float, x: Tensor) -> Tensor:
    return log(x.literal(value))


def _squares(x: Tensor, y: Tensor) -> Tensor:
    return add(mul(x, x), mul(y, y))


exp2: Primitive = Primitive(
    "exp2", _forward("exp2"), (lambda g, z, x: mul(g, mul(z, _log_of(2.0, x))),)
)
log2: Primitive = Primitive(
    "log2", _forward("log2"), (lambda g, z, x: div(g, mul(x, _log_of(2.0, x))),)
)
log10: Primitive = Primitive(
    "log10", _forward("log10"), (lambda g, z, x: div(g, mul(x, _log_of(10.0, x))),)
)
cbrt: Primitive = Primitive("cbrt", _forward("cbrt"), (lambda g, z, x: div(g, 3.0 * mul(z, z)),))
asin: Primitive = Primitive(
    "asin", _forward("asin"), (lambda g, z, x: mul(g, rsqrt(1.0 - mul(x, x))),)
)
asinh: Primitive = Primitive(
    "asinh", _forward("asinh"), (lambda g, z, x: mul(g, rsqrt(mul(x, x) + 1.0)),)
)
acosh: Primitive = Primitive(
    "acosh", _forward("acosh"), (lambda g, z, x: mul(g, rsqrt(mul(x, x) - 1.0)),)
)
atanh: Primitive = Primitive("atanh", _forward("atanh"), (lambda g, z, x: div(g, 1.0 - mul(x, x)),))
hypot: Primitive = Primitive(
    "hypot",
    _forward("hypot"),
    (
        lambda g, z, x, y: unbroadcast(mul(g, div(x, z)), x),
        lambda g, z, x, y: unbroadcast(mul(g, div(y, z)), y),
    ),
)
atan2: Primitive = Primitive(
    "atan2",
    _forward("atan2"),
    (
        lambda g, z, y, x: unbroadcast(mul(g, div(x, _squares(x, y))), y),
        lambda g, z, y, x: unbroadcast(neg(mul(g, div(y, _squares(x, y)))), x),
    ),
)
fma: Primitive = Primitive(
    "fma",
    _forward("fma"),
    (
        lambda g, z, a, b, c: unbroadcast(mul(g, b), a),
        lambda g, z, a, b, c: unbroadcast(mul(g, a), b),
        lambda g, z, a, b, c: unbroadcast(g, c),
    ),
)
