"""Primitives of the elementary functions of two operands: pow, hypot, atan2.

Their gradients at the ends of the domain are the limits where these exist; see the docstrings. In a
vector-Jacobian product, g is the output's cotangent and z the output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numlean.autograd.primitive import Primitive, scalar_method
from numlean.autograd.primitives.elementary import log
from numlean.autograd.primitives.elementwise import abs_, add, div, maximum, mul, neg, sqrt
from numlean.autograd.primitives.ranges import (
    both,
    divisor,
    drop,
    holds,
    is_below_greatest,
    is_finite,
    is_normal_below_greatest,
    keep,
    negated,
    select,
    without,
)
from numlean.autograd.primitives.reductions import unbroadcast

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor


def _pow_by_base(g: Tensor, z: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return g * (y * x^(y - 1)).

    +0 at y = 0, and for infinite y where the power is zero. Where the power overflows but x and y
    are finite, or y - 1 has more bits than the format, it is g * ((y * z) / x).
    """
    zero = x.literal(0.0)
    power = pow_(x, y - 1.0)
    factor = drop(both(holds(power, "eq", zero), negated(is_finite(y))), y)
    plain = mul(g, mul(factor, power))
    unusual = negated(is_below_greatest(power))
    if x.scalar.format is not None:
        last_exact = x.literal(2.0**x.scalar.format.precision)
        unusual = maximum(unusual, holds(last_exact, "lt", abs_(y)))
    usable = both(both(is_finite(x), is_finite(y)), holds(zero, "lt", abs_(x)))
    by_quotient = both(usable, unusual)
    one = x.literal(1.0)
    quotient = div(mul(keep(by_quotient, y), z), select(by_quotient, x, one))
    chosen = select(by_quotient, mul(g, quotient), plain)
    return unbroadcast(drop(holds(y, "eq", zero), chosen), x)


def _pow_by_exponent(g: Tensor, z: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return g * (z * log(x)); +0 where x is 0 and y >= 0, and where x is inf and y < 0."""
    zero = x.literal(0.0)
    at_zero = both(holds(x, "eq", zero), holds(zero, "le", y))
    is_infinite = both(holds(zero, "lt", x), without(holds(x, "eq", x), is_finite(x)))
    at_infinity = both(is_infinite, holds(y, "lt", zero))
    return unbroadcast(drop(maximum(at_zero, at_infinity), mul(g, mul(z, log(x)))), y)


pow_: Primitive = Primitive("pow", scalar_method("pow"), (_pow_by_base, _pow_by_exponent))
"""The gradient by the exponent is a NaN at a negative base, as in PyTorch."""


def _by_leg(g: Tensor, z: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return g * (x / z), the gradient of z = hypot(x, y) by x.

    A z that overflows is replaced by sqrt(u*u + v*v), with u and v the operands divided by the
    greater magnitude m, and x by u. With one infinite operand, the gradient is 1 by that one, with
    its sign, and 0 by the other; at (0, 0) and for two infinite ones, it is a NaN.
    """
    one, zero = x.literal(1.0), x.literal(0.0)
    m = maximum(abs_(x), abs_(y))
    overflows = without(is_finite(m), is_below_greatest(z))
    scale = select(overflows, m, one)
    u, v = div(x, scale), div(y, scale)
    root = select(overflows, sqrt(_squares(keep(overflows, u), keep(overflows, v))), z)
    alone = both(without(holds(x, "eq", x), is_finite(x)), is_finite(y))
    sign = select(holds(zero, "lt", x), one, neg(one))
    return mul(g, div(select(alone, sign, u), select(alone, one, root)))


hypot: Primitive = Primitive(
    "hypot",
    scalar_method("hypot"),
    (
        lambda g, z, x, y: unbroadcast(_by_leg(g, z, x, y), x),
        lambda g, z, x, y: unbroadcast(_by_leg(g, z, y, x), y),
    ),
)


def _over_squares(x: Tensor, y: Tensor) -> Tensor:
    """Return x / (x*x + y*y); +0 if an operand is infinite, and a NaN at (0, 0).

    Where a square overflows, or their sum is below the normal numbers, both are first divided by
    the greater magnitude m, and the quotient is divided by m.
    """
    m = maximum(abs_(x), abs_(y))
    scale = divisor(is_normal_below_greatest(_squares(x, y)), m)
    u, v = div(x, scale), div(y, scale)
    is_infinite = without(holds(x, "eq", x), is_finite(x))
    return div(div(drop(is_infinite, u), _squares(u, v)), scale)


def _squares(x: Tensor, y: Tensor) -> Tensor:
    return add(mul(x, x), mul(y, y))


atan2: Primitive = Primitive(
    "atan2",
    scalar_method("atan2"),
    (
        lambda g, z, y, x: unbroadcast(mul(g, _over_squares(x, y)), y),
        lambda g, z, y, x: unbroadcast(neg(mul(g, _over_squares(y, x))), x),
    ),
)
