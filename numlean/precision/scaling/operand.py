"""Operands of contractions: numbers rounded to a Scalar, some of them scaled before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias, final

from numlean.arguments import checked
from numlean.autograd.primitives import cast
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError
from numlean.precision.accumulation import ChangeScalar, cast_storage
from numlean.precision.scaling.amax import (
    GREATEST_INT8,
    current_scales,
    greatest_finite,
    int8_factors,
    int8_scales,
    magnitudes,
    reduced,
)
from numlean.precision.scaling.block_codes import in_blocks
from numlean.precision.scaling.quantized import Quantized, turned_rows
from numlean.precision.scaling.regions import Regions
from numlean.precision.scaling.scaling import Current, Scaling
from numlean.precision.widening import widens
from numlean.scalar.protocol import Numbers, Scalar, Storage

_BITS: Final = 7
"""The bits of the magnitude of an integer of 8 bits."""


@checked
@final
@dataclass(frozen=True)
class ScaledOperand:
    """An operand whose numbers v are stored as codes: v * s, rounded to a narrow Scalar.

    Attributes:
        scalar: The Scalar of the codes.
        scaling: What the scales s follow from.
        scales: The Scalar of the scales, such as binary32, which has every number of ``scalar``.
        scale: The scale that earlier steps determined, of shape (), in ``scales``: see
            ``with_scale``. None for current scales.
        first: How an earlier product quantised the operand, whose rows were its columns there; the
            values of these codes take the place of the numbers. None for the numbers themselves.
            See ``taken_from``.

    Raises:
        NumleanError: A Scalar has no format, or the one of the scales lacks numbers of the codes.
    """

    scalar: Scalar
    scaling: Scaling
    scales: Scalar
    scale: Storage | None = field(default=None, compare=False, repr=False)
    first: Operand | None = None

    def __post_init__(self) -> None:
        if self.scaling.shared is not None:  # which may have elements without a format
            self.scaling.shared.block_format(self.scalar, 1)
        for each in (self.scalar, self.scales):
            if each.format is None and (each is self.scales or self.scaling.shared is None):
                raise NumleanError(f"{each.name} has no greatest number, so it takes no scales")
        if not widens(self.scalar, self.scales):
            raise NumleanError(
                f"scales in {self.scales.name} need codes that it has exactly, and it lacks numbers"
                f" of {self.scalar.name}; scale a narrower dtype"
            )
        if self.scaling.is_integer and not _has_integers(self.scalar):
            raise NumleanError(
                f"int8 codes need a dtype that has the integers from -128 to 127 exactly, which"
                f" {self.scalar.name} lacks; use bfloat16"
            )

    @property
    def greatest(self) -> Storage:
        """The greatest finite number of the codes, in the Scalar of the scales."""
        if self.scaling.is_integer:
            return self.scales.from_float(GREATEST_INT8)
        return self.scales.from_float(self.scalar.to_float(greatest_finite(self.scalar)))

    def with_scale(self, scale: Tensor) -> ScaledOperand:
        """Return the operand for a step in which a delayed scale has a value, of shape ().

        Raises:
            NumleanError: The scales are not delayed.
            ShapeError: The scale is not a single number.
        """
        if not self.scaling.is_delayed:
            raise NumleanError(f"scales by {self.scaling} follow from the numbers; give no scale")
        if scale.size != 1:
            raise ShapeError(f"a delayed scale is a single number, got shape {scale.shape}")
        return replace(self, scale=cast(scale.detach(), self.scales).data.reshape(()))

    def with_scalars(self, change: ChangeScalar) -> ScaledOperand:
        """Return the same operand in other Scalars."""
        first = None if self.first is None else change_operand(self.first, change)
        scalar, scales = change(self.scalar), change(self.scales)
        return ScaledOperand(scalar, self.scaling, scales, self.scale, first)

    def quantize(self, scalar: Scalar, x: Storage) -> Quantized:
        """Return rows (..., n, k) of a Scalar's numbers as codes, with the inverses of the scales.

        v = x in ``scales``; u = v * s, rounded there, and clamped to the greatest number of the
        codes; the code is u rounded to ``scalar``. A NaN stays one. The inverse is 1 / s, rounded.

        Integers are u rounded to the nearest integer, ties to even. As no abs(u) exceeds 127.5, it
        is the same to clamp them to -128 and 127 afterwards. Their factors c take the place of the
        inverses; an infinite magnitude makes s = 0 and the results NaNs.

        Of a block format, the codes and the scales of blocks are those of ``BlockFormat.quantize``;
        the scales take the place of the inverses.

        Raises:
            NumleanError: A delayed scale has no value.
        """
        wide, shape, terms = self.scales, x.shape, self.scaling.granularity.terms
        if self.first is not None and x.size:
            scalar, x = wide, turned_rows(_values(self.first, wide, scalar, turned_rows(x)))
        one = wide.from_float(1.0)
        if not x.size:
            codes = cast_storage(self.scalar, scalar, x)
            ones = one.reshape((1,) * x.ndim)
            return Quantized(codes, ones, wide, terms, self.scaling.is_integer)
        numbers = cast_storage(wide, scalar, x)
        if self.scaling.shared is not None:
            return in_blocks(self.scalar, self.scaling, wide, numbers)
        regions = Regions.of(self.scaling.granularity, shape)
        v = regions.split(wide, numbers)
        if self.scaling.is_integer:
            factors = int8_factors(wide, regions.amax(wide, magnitudes(wide, v)))
            u = wide.round_to_integral(self._clamped(wide.mul(v, int8_scales(wide, factors))))
        else:
            s = self._scales(v, regions)
            factors, u = wide.div(one, s), self._clamped(wide.mul(v, s))
        codes = regions.join(cast_storage(self.scalar, wide, u), shape)
        return Quantized(
            codes,
            regions.each_row(wide, factors),
            wide,
            terms,
            self.scaling.is_integer,
            numbers=Numbers(wide, numbers),
        )

    def _clamped(self, u: Storage) -> Storage:
        wide, greatest = self.scales, self.greatest
        return wide.minimum(wide.maximum(u, wide.neg(greatest)), greatest)

    def _scales(self, v: Storage, regions: Regions) -> Storage:
        """Return the scale of each region, with the axes of ``Regions.split``."""
        wide, method = self.scales, self.scaling.method
        if isinstance(method, Current):
            a = regions.amax(wide, magnitudes(wide, v))
            found = current_scales(wide, a, self.greatest, method.amax_epsilon)
            return reduced(wide, found, self.scaling)
        if self.scale is None:
            raise NumleanError(
                f"scales by {self.scaling} follow from earlier steps; bind the scale of this step"
                " with operand.with_scale(scale)"
            )
        return self.scale.reshape((1,) * v.ndim)

    def __str__(self) -> str:
        return f"{self.scalar.name} scaled by {self.scaling} in {self.scales.name}"


Operand: TypeAlias = Scalar | ScaledOperand
"""The Scalar to which the numbers of an operand are rounded, or an operand that is scaled too."""


def _has_integers(scalar: Scalar) -> bool:
    """Return whether a Scalar has the integers from -128 to 127."""
    format = scalar.format
    return format is not None and format.precision >= _BITS and format.emax >= _BITS


def scalar_of(operand: Operand) -> Scalar:
    """Return the Scalar of an operand's numbers in the product."""
    return operand.scalar if isinstance(operand, ScaledOperand) else operand


def scaled_like(operand: Operand, model: Operand) -> Operand:
    """Return an operand with the scales of another one, or without scales if that has none."""
    scalar = scalar_of(operand)
    if not isinstance(model, ScaledOperand):
        return scalar
    return ScaledOperand(scalar, model.scaling, model.scales, model.scale, model.first)


def taken_from(operand: Operand, first: Operand) -> Operand:
    """Return an operand whose transpose an earlier product had.

    If its scaling says ``transpose=copy``, its numbers are the values of that product's codes.

    Raises:
        NumleanError: These codes cannot be formed again.
    """
    if not isinstance(operand, ScaledOperand) or operand.scaling.transpose != "copy":
        return operand
    if not scalar_of(first).is_deterministic:
        raise NumleanError(
            f"transpose=copy needs a copy that is rounded to nearest: codes of"
            f" {scalar_of(first).name} are drawn anew in each product; take transpose=source"
        )
    if isinstance(first, ScaledOperand):
        if first.scaling.is_delayed:
            raise NumleanError(
                "transpose=copy needs a copy whose scales follow from its numbers, not delayed ones"
            )
        if first.scaling.shared is not None and first.scaling.shared.hadamard is not None:
            raise NumleanError(
                "transpose=copy needs a copy that did not go through a Hadamard transform; take"
                " transpose=source"
            )
    return replace(operand, first=first)


def _values(operand: Operand, wide: Scalar, scalar: Scalar, x: Storage) -> Storage:
    """Return the values of an operand's codes of rows (..., n, k), rounded to a Scalar once."""
    if not isinstance(operand, ScaledOperand):
        return cast_storage(wide, operand, cast_storage(operand, scalar, x))
    return cast_storage(wide, *operand.quantize(scalar, x).values(operand.scalar))


def change_operand(operand: Operand, change: ChangeScalar) -> Operand:
    """Return an operand in other Scalars."""
    return operand.with_scalars(change) if isinstance(operand, ScaledOperand) else change(operand)


def entered(operand: Operand, scalar: Scalar, x: Storage) -> tuple[Storage, Quantized | None]:
    """Return a left operand's numbers in the operand's Scalar, and how they are scaled, if so."""
    if not isinstance(operand, ScaledOperand):
        return cast_storage(operand, scalar, x), None
    rows = operand.quantize(scalar, x)
    return rows.codes, rows


def entered_columns(
    operand: Operand, scalar: Scalar, x: Storage
) -> tuple[Storage, Quantized | None]:
    """Return the same for a right operand; how it is scaled is stated for its columns as rows."""
    if not isinstance(operand, ScaledOperand):
        return cast_storage(operand, scalar, x), None
    rows = operand.quantize(scalar, turned_rows(x))
    return turned_rows(rows.codes), rows
