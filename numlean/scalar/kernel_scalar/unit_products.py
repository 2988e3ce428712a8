"""Products of matrices as a matrix unit computes them, on encodings."""

from __future__ import annotations

import numpy as np

from numlean.errors import UnavailableError
from numlean.scalar.kernel_scalar.casts import encodings_of
from numlean.scalar.kernel_scalar.components import Components
from numlean.scalar.kernel_scalar.product_operands import product_shape
from numlean.scalar.protocol import Numbers, Storage
from numlean_kernels.formats import Format
from numlean_kernels.matrix_units.product import unit_product as launch_product
from numlean_kernels.matrix_units.rule import Unit
from numlean_kernels.tables.matrix_units import unit_table

_NAME = "unit_product"


def unit_product(s: Components, a: Numbers, b: Numbers, c: Numbers | None, unit: Unit) -> Storage:
    """Return the products of two matrices or two batches of them, each a chain of instructions."""
    shape = product_shape(_NAME, a, b, c)
    if s.codec.format is None or s.codec.format.key != unit.output.key:
        raise UnavailableError(
            f"{_NAME} of {s.name} needs a unit with results in its format, not {unit.output.name}"
        )
    if unit.scales is not None:
        raise UnavailableError(
            f"{_NAME} takes no scales, which this unit needs; MatrixUnit.matmul takes them"
        )
    left = _encodings(s, a, unit.left.format)
    right = _encodings(s, b, unit.right.format)
    if c is None:
        start = s.target.empty(shape, unit.output.storage_dtype)
        start[...] = 0
    else:
        start = _encodings(s, Numbers(c.scalar, np.broadcast_to(c.storage, shape)), unit.output)
    left, right, start = (x if x.ndim == 3 else x[np.newaxis] for x in (left, right, start))
    table = unit_table(unit, s.target.without_recorder)
    z = launch_product(s.target, table, unit, left, right, start)
    return s.codec.from_bits(z.reshape(shape))


def _encodings(s: Components, x: Numbers, format: Format) -> Storage:
    """Return the encodings of numbers of a format, in C order.

    Raises:
        UnavailableError: The numbers are of another format.
    """
    if x.scalar.format is None or x.scalar.format.key != format.key:
        own = "no format" if x.scalar.format is None else x.scalar.format.name
        raise UnavailableError(
            f"{_NAME} takes operands of this unit in {format.name}; {x.scalar.name} has {own}: cast"
            " them first"
        )
    encodings = encodings_of(s, x.scalar, x.storage)
    if encodings is None and not x.storage.size:
        return np.empty(x.storage.shape, format.storage_dtype)
    if encodings is None:
        raise UnavailableError(f"{_NAME} reads encodings, and {x.scalar.name} does not store them")
    return encodings
