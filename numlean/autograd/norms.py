"""Norms. Numbers are scaled before they are squared, so no square overflows or underflows."""

from __future__ import annotations

from math import ceil, log2, prod
from typing import TYPE_CHECKING

from numlean.autograd.primitive import Primitive
from numlean.autograd.primitives.elementwise import choose, div, mul
from numlean.scalar.protocol import Scalar, Storage
from numlean_kernels.formats import Format

if TYPE_CHECKING:
    from numlean.autograd.tensor import Tensor


def _norm_storage(scalar: Scalar, x: Storage, *, axes: tuple[int, ...]) -> Storage:
    unit = _unit(scalar, x, axes)
    spread = scalar.from_float(_spread(scalar.format, prod(x.shape[k] for k in axes)))
    scaled = scalar.div(scalar.div(x, unit), spread)
    total = scalar.sum(scalar.mul(scaled, scaled), axes, keepdims=True)
    return scalar.mul(scalar.mul(scalar.sqrt(total), spread), unit)


def _norm_vjp(g: Tensor, z: Tensor, x: Tensor, *, axes: tuple[int, ...]) -> Tensor:
    zero = z.literal(0.0)
    return mul(g, choose(z, zero, zero, div(x, z), relation="eq"))


norm: Primitive = Primitive("norm", _norm_storage, (_norm_vjp,))
"""The Euclidean norm over axes, which stay, of extent 1: see ``numlean.ops.norm``."""


def _unit(scalar: Scalar, x: Storage, axes: tuple[int, ...]) -> Storage:
    """Return the power of two at or below the greatest magnitude; 1 if that is 0, inf or NaN."""
    one, zero = scalar.from_float(1.0), scalar.from_float(0.0)
    if not x.size or scalar.format is None:  # without a format, the exponents have no end
        return one
    greatest = scalar.abs(x)
    for axis in axes:
        greatest = scalar.max(greatest, axis, keepdims=True)
    is_finite = scalar.lt(scalar.sub(greatest, greatest), one)  # of inf, inf - inf is a NaN
    usual = scalar.where(is_finite, greatest, one)
    usual = scalar.where(scalar.lt(zero, usual), usual, one)
    return scalar.exp2(scalar.logb(usual))


def _spread(format: Format | None, count: int) -> float:
    """Return the least power of two w, from 1, for which ``count`` times 4 / w^2 is in range."""
    if format is None or count < 1:
        return 1.0
    excess = log2(4 * count) - format.emax
    return float(2 ** max(0, min(ceil(excess / 2), format.emax)))
