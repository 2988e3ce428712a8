"""Operations of IEEE 754 to nearest even that matrix units, and the sums above them, consist of."""

from __future__ import annotations

from typing import Any

from numlean_kernels.formats import BINARY32, Format
from numlean_kernels.ieee.add import make_add
from numlean_kernels.ieee.arithmetic import Arithmetic
from numlean_kernels.ieee.convert import cast_maker, cast_name
from numlean_kernels.ieee.routine_builder import Maker, routine_builder
from numlean_kernels.matrix_units.rule import Unit
from numlean_kernels.protocol import Routine, Target


def wide_format(unit: Unit) -> Format:
    """Return the format of registers and of sums of ranges of k."""
    return unit.output if unit.output.contains(BINARY32) else BINARY32


def nan_of(unit: Unit, format: Format) -> int:
    """Return the NaN of results in the output's format or in the wide one."""
    is_ones = unit.nan == unit.output.magnitude_mask
    return format.magnitude_mask if is_ones else format.default_nan


def make_operation(target: Target, format: Format, nan: int, make: Maker) -> Routine:
    """Return an operation on encodings whose NaN results are one NaN."""
    builder = routine_builder(Arithmetic(format), target)
    operate, word = builder.routine(make), builder.word
    magnitude_mask, max_number = builder.words("magnitude_mask", "max_number")
    nan = word(nan)

    def operation(*operands: Any) -> Any:
        z = word(operate(*operands)[0])
        return nan if word(z & magnitude_mask) > max_number else z

    return target.routine(operation)


def make_add_of_output(target: Target, unit: Unit) -> Routine:
    """Return ``add(x, y)`` in the output's format."""
    return make_operation(target, unit.output, unit.nan, make_add)


def make_add_of_wide(target: Target, unit: Unit) -> Routine:
    """Return ``add(x, y)`` in the format of registers."""
    format = wide_format(unit)
    return make_operation(target, format, nan_of(unit, format), make_add)


def make_widen(target: Target, unit: Unit) -> Routine:
    """Return ``widen(x)``: a result in the format of registers, exactly."""
    format = wide_format(unit)
    return make_operation(target, format, nan_of(unit, format), cast_maker(cast_name(unit.output)))


def make_narrow(target: Target, unit: Unit) -> Routine:
    """Return ``narrow(x)``: a register rounded to the output's format."""
    maker = cast_maker(cast_name(wide_format(unit)))
    return make_operation(target, unit.output, unit.nan, maker)
