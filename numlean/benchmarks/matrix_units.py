"""Matrix products by matrix units, and plain ones in dtypes, on one core."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from numlean.precision.matrix_units import get_matrix_unit
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar
from numlean_kernels.formats import BINARY32, NAMED, Format

BASE: Final = "ieee32exec"
"""The dtype whose plain product others are compared with."""

UNITS: Final = ("A100:fp16", "H100:e4m3:wgmma")
"""The default matrix units."""

SIZE: Final = 256
"""The default number of rows and columns."""

_DTYPES: Final = {each.format: each.name for each in NAMED} | {BINARY32: BASE}


def products(names: list[str], size: int) -> dict[str, Callable[[], object]]:
    """Return products of square matrices by name: plain in ``BASE``, and by matrix units.

    All multiply the same random numbers, each rounded once to the format of its operands.

    Raises:
        NumleanError: A name is not that of a matrix unit.
    """
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, size, size))
    scalar = get_scalar(BASE)
    timed: dict[str, Callable[[], object]] = {
        BASE: partial(scalar.matmul, scalar.from_float(a), scalar.from_float(b))
    }
    for name in names:
        unit = get_matrix_unit(name)
        of_operands = _scalar_of(unit.unit.left.format)
        x, y = (of_operands.to_bits(of_operands.from_float(each)) for each in (a, b))
        timed[unit.name] = partial(unit.matmul, x, y)
    return timed


def _scalar_of(format: Format) -> Scalar:
    return get_scalar(_DTYPES[format])
