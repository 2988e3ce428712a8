"""Factors of scaled operands in exact arithmetic, and their products, rounded once."""

from __future__ import annotations

from typing import Final

import numpy as np

from numlean.errors import NumleanError
from numlean.precision.accumulation import cast_storage
from numlean.precision.scaling.operand import Operand, ScaledOperand, scalar_of
from numlean.precision.scaling.quantized import WIDE
from numlean.precision.widening import widens
from numlean.scalar.precision import BINARY64_EXTENT, Extent, extent_of
from numlean.scalar.protocol import Numbers, Scalar, Storage
from numlean.scalar.record import recorded_like
from numlean.scalar.registry import get_scalar
from numlean_kernels.formats import Format

_FACTOR: Final = Extent(24, 254, -254)
"""That of the product of two scales of blocks, and of the scales of two tensors."""


def check_exact(operand: Operand) -> None:
    """Check that binary64 has every value of an operand: a code times its factors.

    Raises:
        NumleanError: It may not.
    """
    codes = extent_of(scalar_of(operand))
    if codes is None or not BINARY64_EXTENT.contains(_product(codes, _factors(operand))):
        raise NumleanError(
            f"exact sums over blocks take operands whose values binary64 has, and it may lack those"
            f" of {operand if isinstance(operand, ScaledOperand) else operand.name}; use a narrower"
            " dtype"
        )


def _factors(operand: Operand) -> Extent:
    """Return the extent of the factors of an operand's codes."""
    if not isinstance(operand, ScaledOperand):
        return Extent(1, 0, 0)
    if operand.scaling.shared is None:
        return Extent.of_format(_format(operand.scales))
    # A scale of e8m0, or one of a small float and one of binary32.
    return Extent(28, 136, -158)


def _format(scalar: Scalar) -> Format:
    assert scalar.format is not None  # as ``ScaledOperand`` checks
    return scalar.format


def _product(x: Extent, y: Extent) -> Extent:
    """Return the extent of products of numbers."""
    return Extent(x.precision + y.precision, x.greatest + y.greatest + 1, x.least + y.least)


def times(result: Scalar, x: Storage, factor: Numbers) -> Storage:
    """Return numbers of a Scalar times a factor, which broadcasts to them, each rounded once."""
    if widens(factor.scalar, result):
        return result.mul(x, cast_storage(result, *factor))
    wide = recorded_like(factor.scalar, get_scalar(WIDE, factor.scalar.device))
    own = cast_storage(wide, *factor)
    if _has_products(wide, result):
        return cast_storage(result, wide, wide.mul(cast_storage(wide, result, x), own))
    each = wide.copy(np.broadcast_to(own, x.shape)).reshape(-1, 1, 1)
    product = result.exact_product(result, x.reshape(-1, 1, 1), wide, each).reshape(x.shape)
    # An exact sum of zero is +0; a product has a sign, and is a NaN if its factor is.
    signed = result.where(result.eq(x, result.from_float(0.0)), x, product)
    return result.where(wide.eq(own, own), signed, product)


def _has_products(wide: Scalar, result: Scalar) -> bool:
    """Return whether a Scalar has all products of another one's numbers and a factor exactly."""
    own, extent = extent_of(wide), extent_of(result)
    return own is not None and extent is not None and own.contains(_product(extent, _FACTOR))
