"""The table of the emulation, computed by the processor on reinterpreted encodings."""

from __future__ import annotations

from functools import cache
from typing import Any

from numlean_kernels.elementary import hardware as floats
from numlean_kernels.formats import Format
from numlean_kernels.ieee.arithmetic import Arithmetic
from numlean_kernels.protocol import Routine, Table, Target, UsualCase, usual_case_of
from numlean_kernels.tables.elementary import BINARY
from numlean_kernels.tables.hardware import ARITIES, HardwareRoutineBuilder
from numlean_kernels.tables.ieee import ieee_table


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
        if name in ARITIES:
            routine = builder.routine(name)
            made: Any = target.routine(_lift(builder, routine, ARITIES[name]))
            case = usual_case_of(routine)
            if case is not None:
                lifted = target.routine(_lift(builder, case.routine, ARITIES[name]))
                is_usual = target.routine(_lift_predicate(builder, case.is_usual, ARITIES[name]))
                made.usual_case = UsualCase(lifted, is_usual, makes_nans=True)
            return made  # type: ignore[no-any-return]
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


def _lift_predicate(builder: HardwareRoutineBuilder, routine: Routine, arity: int) -> Routine:
    real = builder.real

    def unary(a: Any) -> Any:
        return routine(real(a))

    def binary(a: Any, b: Any) -> Any:
        return routine(real(a), real(b))

    def ternary(a: Any, b: Any, c: Any) -> Any:
        return routine(real(a), real(b), real(c))

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
