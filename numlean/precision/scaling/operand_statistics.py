"""What scaling and rounding did to an operand of a contraction."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from numlean.precision.blocks.measured_tensor import Floats, MeasuredTensor
from numlean.precision.blocks.statistics import BlockStatistics
from numlean.precision.blocks.values import greatest_element
from numlean.precision.scaling.amax import GREATEST_INT8, greatest_finite
from numlean.precision.scaling.operand import ScaledOperand
from numlean.precision.scaling.quantized import Quantized
from numlean.precision.scaling.regions import Regions
from numlean.precision.scaling.shared import SCALE_DTYPES
from numlean.scalar.protocol import Numbers

_INTEGER_UNIT: Final = 1.0


def operand_statistics(operand: ScaledOperand, rows: Quantized) -> BlockStatistics:
    """Return the statistics of an operand's numbers, rows (..., n, k) along the contracted axis.

    Scales are the factors by which codes are multiplied. Of a block format, numbers are those
    after a Hadamard transform, if there is one.

    Args:
        operand: The operand.
        rows: Its numbers as ``operand.quantize`` returned them.
    """
    if rows.numbers is None or not rows.codes.size:
        return BlockStatistics(tensors=1)
    shape = rows.codes.shape
    regions = Regions.of(operand.scaling.granularity, shape)
    *batch, n, k = regions.shape
    across = -(-k // regions.terms)
    inverses = np.broadcast_to(_floats(Numbers(rows.scales, rows.inverses)), (*batch, n, across))
    scales = inverses[..., :: regions.rows, :]
    whole = 1.0 if rows.whole is None else float(_floats(rows.whole)[0])
    codes = _floats(Numbers(operand.scalar, rows.codes)).reshape(regions.shape)
    factors = inverses.repeat(regions.terms, axis=-1)[..., :k]
    greatest, unit = _greatest(operand)
    with np.errstate(all="ignore"):
        values = codes * (factors * whole)
    found = MeasuredTensor(
        numbers=_floats(rows.numbers).reshape(regions.shape),
        values=values,
        scales=scales,
        whole=whole,
        rows=regions.rows,
        terms=regions.terms,
        greatest=greatest,
        unit=unit,
    ).statistics()
    if regions.shape == shape:
        return found
    # A scale of a whole tensor counts the rows of a batch as one matrix's.
    places = (_place(each.place, shape) for each in found.worst)
    worst = zip(found.worst, places, strict=True)
    return replace(found, worst=tuple(replace(each, place=place) for each, place in worst))


def scale_dtype(operand: ScaledOperand) -> str:
    """Return the name of the dtype of the scales that blocks of numbers share."""
    shared = operand.scaling.shared
    return operand.scales.name if shared is None else SCALE_DTYPES[shared.kind]


def _place(place: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the index in an array of a place in its rows."""
    row, k = place
    return (*map(int, np.unravel_index(row, shape[:-1])), k)


def _greatest(operand: ScaledOperand) -> tuple[float, float]:
    """Return the greatest code, and its distance from the one before it."""
    if operand.scaling.is_integer:
        return GREATEST_INT8, _INTEGER_UNIT
    scalar, shared = operand.scalar, operand.scaling.shared
    if shared is not None:
        return greatest_element(shared.block_format(scalar, 1).rule.element)
    greatest = greatest_finite(scalar)
    before = scalar.from_bits(scalar.to_bits(greatest) - 1)
    value = float(scalar.to_float(greatest))
    return value, value - float(scalar.to_float(before))


def _floats(x: Numbers) -> Floats:
    return x.scalar.to_float(np.ascontiguousarray(x.storage))
