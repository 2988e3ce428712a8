"""The table of the emulation, computed by the processor on reinterpreted encodings."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from numlean_kernels.elementary import hardware as floats
from numlean_kernels.formats import Format
from numlean_kernels.ieee.arithmetic import Arithmetic
from numlean_kernels.protocol import Routine, Table, Target
from numlean_kernels.tables.elementary import BINARY
from numlean_kernels.tables.hardware import HardwareRoutineBuilder
from numlean_kernels.tables.ieee import ieee_table

_ARITIES: Final = {"add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 1, "fma": 3}


@cache
def encodings_table(format: Format, target: Target) -> Table:
    """Return the routines of binary32 or binary64 on encodings, with the bits of the emulation.

    They round to nearest even and use the NaN rule of hardware floats. Flags are those of the
    emulation, which computes them.
    """
    builder, emulated = (
        HardwareRoutineBuilder(format, target),
        ieee_table(Arithmetic(format), target),
    )

    def make(name: str) -> Routine:
        if name in _ARITIES:
            return target.routine(_lift(builder, builder.routine(name), _ARITIES[name]))
        function = name.removeprefix("fast ")
        if function != name and target.has_float_phases and function in floats.PHASES[format]:
            return target.routine(_lift_fast(builder, builder.routine(name), function))
        return emulated[name]

    return Table(
        key=f"hardware/{format.name} on encodings",
        zero=emulated.zero,
        make=make,
        fast=format,
        same_bits_as=emulated.key,
    )


def _lift(builder: HardwareRoutineBuilder, routine: Routine, arity: int) -> Routine:
    encoding, real = builder.encoding, builder.real

    def unary(a: Any) -> Any:
        return encoding(routine(real(a)))

    def binary(a: Any, b: Any) -> Any:
        return encoding(routine(real(a), real(b)))

    def ternary(a: Any, b: Any, c: Any) -> Any:
        return encoding(routine(real(a), real(b), real(c)))

    return (unary, binary, ternary)[arity - 1]


def _lift_fast(builder: HardwareRoutineBuilder, fast: Routine, function: str) -> Routine:
    encoding, real = builder.encoding, builder.real

    def unary(a: Any) -> Any:
        certain, z = fast(real(a))
        return certain, encoding(z)

    def binary(a: Any, b: Any) -> Any:
        certain, z = fast(real(a), real(b))
        return certain, encoding(z)

    return binary if function in BINARY else unary
