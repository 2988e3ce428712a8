"""Checks of products by matrix units, against exact integers that know the units' rules only."""

from __future__ import annotations

from typing import Final

import numpy as np

from numlean.precision.matrix_units import get_matrix_unit
from numlean.scalar.registry import scalar_on
from numlean.testing.conformance.checks import NotApplicableError, Subject, check
from numlean.testing.matrix_units import reference_of_unit

_UNITS: Final = {
    "e8m23": ("A100:fp16", "binary16"),
    "e5m10": ("V100:fp16->fp16", "binary16"),
    "e11m52": ("A100:fp64", "float64"),
}
"""A unit and the dtype of its operands, by the format of its results."""

_SHAPE: Final = (4, 19, 3)


@check()
def a_unit_product_is_the_chain_of_the_unit_s_instructions(subject: Subject) -> None:
    """Check sums of several instructions, with addends, cancellation, infinities and NaNs."""
    scalar = subject.scalar
    if scalar.format is None or scalar.format.key not in _UNITS:
        raise NotApplicableError("no matrix unit has results in its format")
    name, dtype = _UNITS[scalar.format.key]
    unit, operand = get_matrix_unit(name).unit, scalar_on(dtype, scalar.device)
    rng, (rows, terms, columns) = np.random.default_rng(23), _SHAPE
    a = operand.from_float(rng.standard_normal((rows, terms)))
    b = operand.from_float(rng.standard_normal((terms, columns)))
    c = scalar.from_float(rng.standard_normal(columns))
    a[0, :2] = operand.from_float([np.inf, 0.0])
    a[1, 0] = operand.from_float([np.nan])[0]
    a[2, 1], b[1] = a[2, 0], operand.neg(b[0])  # the first two terms of a row cancel
    z = scalar.to_bits(scalar.unit_product(operand, a, operand, b, scalar, c, unit=unit))
    left, right, addends = operand.to_bits(a), operand.to_bits(b), scalar.to_bits(c)
    reference = reference_of_unit(unit)
    for j in range(columns):
        column = np.broadcast_to(np.ascontiguousarray(right[:, j]), (rows, terms))
        expected = reference.dot(left, column, np.broadcast_to(addends[j], rows))
        assert z[:, j].tolist() == expected.tolist(), (name, j)
