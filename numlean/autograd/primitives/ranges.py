"""Masks of the numbers that are in the range of their format, and choices by masks.

A *mask* is a tensor of ones and zeros: it is computed by operations of the Scalar, so that a
recorded step computes it anew from its own numbers. No mask has a gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numlean.autograd.primitive import Primitive
from numlean.autograd.primitives.elementwise import abs_, where
from numlean.autograd.primitives.movement import reshape
from numlean.autograd.primitives.reductions import max_constant, unbroadcast
from numlean.scalar.protocol import Scalar, Storage

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor


def greatest(x: Tensor) -> Tensor | None:
    """Return the greatest finite number of x's format; None if exponents are unbounded."""
    format = x.scalar.format
    return None if format is None else x.like(x.scalar.from_bits(format.max_finite))


def least_normal(x: Tensor) -> Tensor | None:
    """Return the least positive normal number of x's format; None if exponents are unbounded."""
    format = x.scalar.format
    return None if format is None else x.like(x.scalar.from_bits(format.least_normal))


def holds(a: Tensor, relation: str, b: Tensor) -> Tensor:
    """Return the mask of a < b ("lt"), a <= b ("le") or a == b ("eq"); a NaN satisfies none."""
    return where(a, b, a.literal(1.0), relation=relation)


def both(one: Tensor, other: Tensor) -> Tensor:
    """Return the mask of places in two masks."""
    return keep(one, other)


def without(one: Tensor, other: Tensor) -> Tensor:
    """Return the mask of places in the first mask and not in the second."""
    return drop(other, one)


def negated(mask: Tensor) -> Tensor:
    """Return the mask of the other places."""
    return holds(mask, "eq", mask.literal(0.0))


def keep(mask: Tensor, x: Tensor) -> Tensor:
    """Return x in the mask, +0 elsewhere."""
    return where(mask.literal(0.0), mask, x, relation="lt")


def drop(mask: Tensor, x: Tensor) -> Tensor:
    """Return +0 in the mask, x elsewhere."""
    return where(mask, mask.literal(0.0), x, relation="eq")


def is_finite(x: Tensor) -> Tensor:
    """Return the mask of finite numbers."""
    most = greatest(x)
    if most is None:
        return holds(abs_(x), "lt", x.literal(float("inf")))
    return holds(abs_(x), "le", most)


def is_below_greatest(x: Tensor) -> Tensor:
    """Return the mask of magnitudes below the greatest finite number.

    A result that overflows is outside it in every format and rounding direction, whether it became
    an infinity, a NaN or the greatest number.
    """
    most = greatest(x)
    return is_finite(x) if most is None else holds(abs_(x), "lt", most)


def is_normal_below_greatest(x: Tensor) -> Tensor:
    """Return the mask of magnitudes from the least normal number to below the greatest."""
    least = least_normal(x)
    inside = is_below_greatest(x)
    return inside if least is None else both(inside, holds(least, "le", abs_(x)))


def divisor(fits: Tensor, largest: Tensor) -> Tensor:
    """Return a power of two near the largest magnitude where results do not fit, else 1.

    Also 1 where the largest magnitude is zero, infinite or a NaN, which no division helps. Division
    by it is exact unless the quotient is subnormal.

    Args:
        fits: The mask of results that are in range without a division.
        largest: The largest magnitude among the numbers that gave each result.
    """
    if largest.scalar.format is None:
        return largest.literal(1.0)
    usable = both(is_finite(largest), holds(largest.literal(0.0), "lt", largest))
    divided = without(usable, fits)
    return keep(divided, _power_near(largest)) + drop(divided, largest.literal(1.0))


def _power_near(x: Tensor) -> Tensor:
    """Return for each positive finite x a power of two with x / power from 1/2 to 2**step.

    The step is 1 for formats of up to 5 exponent bits, and grows with the range, so that there are
    few powers to compare with. At the end of the range, x / power is below 2.
    """
    format = x.scalar.format
    assert format is not None
    step = 1 << max(format.exponent_bits - 5, 0)
    exponents = np.arange(format.emin - format.trailing_bits, format.emax + 1, step)
    bounds = x.like(x.scalar.from_float(np.ldexp(1.0, exponents)))
    powers = x.like(x.scalar.from_float(np.ldexp(1.0, np.minimum(exponents + 1, format.emax))))
    wide = reshape(x, (*x.shape, 1))
    return max_constant(where(bounds, wide, powers, relation="le"), -1, keepdims=False)


def _select_storage(scalar: Scalar, mask: Storage, x: Storage, y: Storage) -> Storage:
    zero = scalar.from_float(0.0)
    chosen, other = scalar.lt(zero, mask), scalar.eq(mask, zero)
    if scalar.rounding == "toward_negative":  # where +0 is the identity of addition (6.3)
        return scalar.add(scalar.where(chosen, x), scalar.where(other, y))
    kept = (scalar.where(chosen, scalar.neg(x)), scalar.where(other, scalar.neg(y)))
    return scalar.add(*map(scalar.neg, kept))


select: Primitive = Primitive(
    "select",
    _select_storage,
    (
        None,
        lambda g, z, mask, x, y: unbroadcast(keep(mask, g), x),
        lambda g, z, mask, x, y: unbroadcast(drop(mask, g), y),
    ),
)
"""x in the mask, y elsewhere, zeros with their signs.

A NaN is quieted, as by any operation.
"""


def without_minus_zero(x: Tensor) -> Tensor:
    """Return x with +0 for -0, where the rounding makes an exact zero difference -0.

    For a difference whose zero stands for the limit of positive numbers, such as 1 - x*x at x = 1.
    """
    if x.scalar.rounding != "toward_negative":
        return x
    return drop(holds(abs_(x), "le", x.literal(0.0)), x)
