"""Primitives of the elementary functions of one operand.

Each line gives a function and its vector-Jacobian product; g is the output's cotangent and z the
output. At an end of its domain, a gradient is the limit of the derivative, infinite where that is:
sqrt, cbrt, rsqrt and the logarithms at 0, asin, acos, atanh and log1p at 1 or -1, acosh at 1. An
intermediate result that overflows does not reach the gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from numlean.autograd.primitive import Primitive, scalar_method
from numlean.autograd.primitives.elementwise import abs_, div, minimum, mul, neg, sqrt
from numlean.autograd.primitives.ranges import is_below_greatest, select, without_minus_zero

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


def _product(g: Tensor, z: Tensor, factor: Tensor) -> Tensor:
    """Return g * (z * factor), or (g * z) * factor where the product of the two overflows."""
    product = mul(z, factor)
    fits = is_below_greatest(product)
    return mul(mul(g, select(fits, product, z)), select(fits, z.literal(1.0), factor))


def _quotient(g: Tensor, divisor: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return g / divisor, or (g / x) / y where the divisor, which is about x * y, overflows."""
    fits = is_below_greatest(divisor)
    return div(div(g, select(fits, divisor, x)), select(fits, x.literal(1.0), y))


def _root_quotient(g: Tensor, square: Tensor, x: Tensor) -> Tensor:
    """Return g / sqrt(square), or g / |x| where the square, which is about x * x, overflows."""
    fits, one = is_below_greatest(square), x.literal(1.0)
    return mul(g, select(fits, rsqrt(square), div(one, select(fits, one, abs_(x)))))


def _one_minus_square(x: Tensor) -> Tensor:
    return without_minus_zero(1.0 - mul(x, x))


def _gaussian(x: Tensor) -> Tensor:
    """Return exp(-(x*x)); the square does not overflow to a NaN in a format without infinity."""
    format = x.scalar.format
    if format is not None and not format.has_infinity:
        x = minimum(abs_(x), x.literal(2.0 ** (format.emax // 2)))
    return exp(neg(mul(x, x)))


exp: Primitive = _function("exp", lambda g, z, x: mul(g, z))
exp2: Primitive = _function("exp2", lambda g, z, x: mul(g, mul(z, _log_of(2.0, x))))
exp10: Primitive = _function("exp10", lambda g, z, x: _product(g, z, _log_of(10.0, x)))
expm1: Primitive = _function("expm1", lambda g, z, x: mul(g, z + 1.0))
log: Primitive = _function("log", lambda g, z, x: div(g, x))
log2: Primitive = _function("log2", lambda g, z, x: div(g, mul(x, _log_of(2.0, x))))
log10: Primitive = _function(
    "log10",
    lambda g, z, x: _quotient(g, mul(x, _log_of(10.0, x)), x, _log_of(10.0, x)),
)
log1p: Primitive = _function("log1p", lambda g, z, x: div(g, without_minus_zero(1.0 + x)))
sin: Primitive = _function("sin", lambda g, z, x: mul(g, cos(x)))
cos: Primitive = _function("cos", lambda g, z, x: neg(mul(g, sin(x))))
tan: Primitive = _function("tan", lambda g, z, x: mul(g, 1.0 + mul(z, z)))
asin: Primitive = _function("asin", lambda g, z, x: mul(g, rsqrt(_one_minus_square(x))))
acos: Primitive = _function("acos", lambda g, z, x: neg(mul(g, rsqrt(_one_minus_square(x)))))
atan: Primitive = _function("atan", lambda g, z, x: _quotient(g, 1.0 + mul(x, x), x, x))
sinh: Primitive = _function("sinh", lambda g, z, x: mul(g, cosh(x)))
cosh: Primitive = _function("cosh", lambda g, z, x: mul(g, sinh(x)))
tanh: Primitive = _function("tanh", lambda g, z, x: mul(g, 1.0 - mul(z, z)))
asinh: Primitive = _function("asinh", lambda g, z, x: _root_quotient(g, mul(x, x) + 1.0, x))
acosh: Primitive = _function(
    "acosh", lambda g, z, x: _root_quotient(g, without_minus_zero(mul(x, x) - 1.0), x)
)
atanh: Primitive = _function("atanh", lambda g, z, x: div(g, _one_minus_square(x)))
cbrt: Primitive = _function("cbrt", lambda g, z, x: div(g, 3.0 * mul(z, z)))
rsqrt: Primitive = _function(
    "rsqrt", lambda g, z, x: neg(_quotient(mul(g, z), x + x, x, x.literal(2.0)))
)
sigmoid: Primitive = _function("sigmoid", lambda g, z, x: mul(g, mul(z, 1.0 - z)))
softplus: Primitive = _function("softplus", lambda g, z, x: mul(g, sigmoid(x)))

erf: Primitive = _function(
    "erf", lambda g, z, x: mul(g, div(_gaussian(x), sqrt(atan(x.literal(1.0)))))
)
"""The derivative is 2 / sqrt(pi) * exp(-x*x), and sqrt(pi) / 2 = sqrt(atan(1))."""
