"""Results and flags of an operation, by one kernel for all modes where there is one.

A check in another rounding, NaN rule or order of rounding and tininess then compiles nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numlean.scalar.kernel_scalar import KernelScalar
from numlean_kernels.ieee import Arithmetic
from numlean_kernels.ieee.modes import modes_of, takes_modes
from numlean_kernels.ieee.to_integer import integer_dtype
from numlean_kernels.loops.elementwise import flagged_in_modes
from numlean_kernels.protocol import Array, Table, kernel_for
from numlean_kernels.tables.ieee_modes import modal_table


def flagged(
    scalar: KernelScalar, operation: str, operands: list[Array]
) -> tuple[Array, np.ndarray[Any, np.dtype[np.uint8]]]:
    """Return the results of an operation and, for each element, the flags that it raises."""
    arithmetic: Any = getattr(scalar.codec, "arithmetic", None)
    table, name = _table(scalar, arithmetic), operation
    if table is not None and operation.endswith(f" {arithmetic.rounding.value}"):
        name = operation.partition(" ")[0]  # the direction is that of the modes
    if table is None or table.get(f"flagged {name}") is None:
        return scalar.flagged(operation, *operands)
    z = np.empty(operands[0].shape, integer_dtype(operation) or scalar.storage_dtype)
    raised = np.empty(z.shape, np.uint8)
    modes = np.array([modes_of(arithmetic)], np.uint32)
    loop = flagged_in_modes(name, len(operands))
    arrays = [x if x.flags.carray else x.copy() for x in operands]
    kernel_for(scalar.target, loop, table)((z.size,), modes, *arrays, raised, z)
    return z, raised


def _table(scalar: KernelScalar, arithmetic: Any) -> Table | None:
    """Return the routines that take modes; None if none do, or if nothing is compiled anyway."""
    if not (scalar.target.compiles and isinstance(arithmetic, Arithmetic)):
        return None
    return modal_table(arithmetic.format, scalar.target) if takes_modes(arithmetic) else None
