"""Primitives of the elementary functions.

Each line gives a function and, for each operand, its vector-Jacobian product; g is the output's
cotangent and z the output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from numlean.autograd.primitive import Primitive, scalar_method
from numlean.autograd.primitives.elementwise import abs_, add, div, mul, neg, sqrt, where_positive
from numlean.autograd.primitives.reductions import unbroadcast

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "erf",
    "exp",
    "exp2",
    "exp10",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "rsqrt",
    "sigmoid",
    "sin",
    "sinh",
    "softplus",
    "tan",
    "tanh",
]
"""The functions of one operand, which ``numlean.ops`` re-exports as they are."""

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor


def _function(name: str, *vjps: Callable[..., Tensor]) -> Primitive:
    return Primitive(name, scalar_method(name), vjps)


def _log_of(value: float, x: Tensor) -> Tensor:
    return log(x.literal(value))


def _squares(x: Tensor, y: Tensor) -> Tensor:
    return add(mul(x, x), mul(y, y))


exp: Primitive = _function("exp", lambda g, z, x: mul(g, z))
exp2: Primitive = _function("exp2", lambda g, z, x: mul(g, mul(z, _log_of(2.0, x))))
exp10: Primitive = _function("exp10", lambda g, z, x: mul(g, mul(z, _log_of(10.0, x))))
expm1: Primitive = _function("expm1", lambda g, z, x: mul(g, z + 1.0))
log: Primitive = _function("log", lambda g, z, x: div(g, x))
log2: Primitive = _function("log2", lambda g, z, x: div(g, mul(x, _log_of(2.0, x))))
log10: Primitive = _function("log10", lambda g, z, x: div(g, mul(x, _log_of(10.0, x))))
log1p: Primitive = _function("log1p", lambda g, z, x: div(g, 1.0 + x))
sin: Primitive = _function("sin", lambda g, z, x: mul(g, cos(x)))
cos: Primitive = _function("cos", lambda g, z, x: neg(mul(g, sin(x))))
tan: Primitive = _function("tan", lambda g, z, x: mul(g, 1.0 + mul(z, z)))
asin: Primitive = _function("asin", lambda g, z, x: mul(g, rsqrt(1.0 - mul(x, x))))
acos: Primitive = _function("acos", lambda g, z, x: neg(mul(g, rsqrt(1.0 - mul(x, x)))))
atan: Primitive = _function("atan", lambda g, z, x: div(g, 1.0 + mul(x, x)))
sinh: Primitive = _function("sinh", lambda g, z, x: mul(g, cosh(x)))
cosh: Primitive = _function("cosh", lambda g, z, x: mul(g, sinh(x)))
tanh: Primitive = _function("tanh", lambda g, z, x: mul(g, 1.0 - mul(z, z)))
asinh: Primitive = _function("asinh", lambda g, z, x: mul(g, rsqrt(mul(x, x) + 1.0)))
acosh: Primitive = _function("acosh", lambda g, z, x: mul(g, rsqrt(mul(x, x) - 1.0)))
atanh: Primitive = _function("atanh", lambda g, z, x: div(g, 1.0 - mul(x, x)))
cbrt: Primitive = _function("cbrt", lambda g, z, x: div(g, 3.0 * mul(z, z)))
rsqrt: Primitive = _function("rsqrt", lambda g, z, x: neg(div(mul(g, z), x + x)))
sigmoid: Primitive = _function("sigmoid", lambda g, z, x: mul(g, mul(z, 1.0 - z)))
softplus: Primitive = _function("softplus", lambda g, z, x: mul(g, sigmoid(x)))

erf: Primitive = _function(
    "erf", lambda g, z, x: mul(g, div(exp(neg(mul(x, x))), sqrt(atan(x.literal(1.0)))))
)
"""The derivative is 2 / sqrt(pi) * exp(-x*x), and sqrt(pi) / 2 = sqrt(atan(1))."""

pow_: Primitive = _function(
    "pow",
    lambda g, z, x, y: unbroadcast(mul(g, mul(y, pow_(x, y - 1.0))), x),
    lambda g, z, x, y: unbroadcast(where_positive(abs_(x), mul(g, mul(z, log(x)))), y),
)
"""The exponent has gradient zero at base zero, and a NaN at a negative one."""

hypot: Primitive = _function(
    "hypot",
    lambda g, z, x, y: unbroadcast(mul(g, div(x, z)), x),
    lambda g, z, x, y: unbroadcast(mul(g, div(y, z)), y),
)
atan2: Primitive = _function(
    "atan2",
    lambda g, z, y, x: unbroadcast(mul(g, div(x, _squares(x, y))), y),
    lambda g, z, y, x: unbroadcast(neg(mul(g, div(y, _squares(x, y)))), x),
)
