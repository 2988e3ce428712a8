"""The table of routines of a hardware format.

Each of the six basic operations is one hardware instruction, followed by a correction that makes
its bits a function of the operands alone: processors choose NaN payloads and signs differently, and
compilers swap operands, so a NaN result is replaced by the one that :mod:`numlean_kernels.ieee.nan`
specifies. Operations that only move or compare bits are the integer routines of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import numpy as np

from numlean_kernels.elementary import hardware as floats
from numlean_kernels.formats import BINARY32, BINARY64, Format
from numlean_kernels.ieee import exact_sums
from numlean_kernels.ieee.arithmetic import Arithmetic
from numlean_kernels.ieee.convert import is_cast
from numlean_kernels.ieee.nan import (
    default_nan,
    make_is_nan,
    make_propagate,
    make_propagate_ternary,
)
from numlean_kernels.ieee.routine_builder import routine_builder
from numlean_kernels.ieee.to_integer import integer_dtype
from numlean_kernels.protocol import Routine, Table, Target, UsualCase
from numlean_kernels.tables.elementary import BINARY, UNARY, binary64_routine
from numlean_kernels.tables.ieee import (
    FURTHER_EXTREMA,
    FURTHER_FLAGGED_MAKERS,
    ROUND_TO_INTEGRAL,
    SIGNALLING_COMPARISONS,
    TO_INT,
    fast_phase,
    result_alone,
)

REAL_DTYPES: Final[dict[Format, Any]] = {BINARY32: np.float32, BINARY64: np.float64}
"""The numpy type that computes in each hardware format."""


ARITIES: Final = {"add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 1, "fma": 3}
"""The operations of the processor, and their numbers of operands."""


class HardwareRoutineBuilder:
    """Builds the routines of one hardware format on one target.

    Attributes:
        integer: The builder of routines on encodings of the same format.
        encoding: Reinterprets a hardware float as its encoding.
        real: Reinterprets an encoding as a hardware float.
        instructions: The arithmetic of the target.
    """

    def __init__(self, format: Format, target: Target) -> None:
        self.integer = routine_builder(Arithmetic(format), target)
        self.encoding = target.encoding_of(format.width)
        self.real = target.real_of(format.width)
        self.instructions = target.instructions(format.width)
        self._routines: dict[str, Routine] = {}

    def routine(self, name: str) -> Routine:
        """Return the routine of that name; it is made once.

        Raises:
            KeyError: No routine has that name.
        """
        if name not in self._routines:
            if is_cast(name):
                made = _lift_outward(self, result_alone(self.integer, name))
            elif exact_sums.is_term(name):
                made = exact_sums.term_maker(name)(self.integer)
            elif name == f"flagged {exact_sums.ROUND}":
                made = _make_exact_round(self)
            elif name in FURTHER:
                made = FURTHER[name](self)
            elif integer_dtype(name) is not None:
                made = _lift_inward(self, result_alone(self.integer, name))
            else:
                made = (PHASES[name] if name in PHASES else MAKERS[name])(self)
            self._routines[name] = self.integer.target.routine(made)
            _add_usual_case(self, name, self._routines[name])
        return self._routines[name]


def _make_add(builder: HardwareRoutineBuilder) -> Routine:
    nan_of, added = _nan_of(builder), builder.instructions.add

    def add(a: Any, b: Any) -> Any:
        z = added(a, b)
        return z if z == z else nan_of(a, b)

    return add


def _make_sub(builder: HardwareRoutineBuilder) -> Routine:
    nan_of, neg = _nan_of(builder), builder.routine("neg")
    subtracted = builder.instructions.sub

    def sub(a: Any, b: Any) -> Any:
        z = subtracted(a, b)
        return z if z == z else nan_of(a, neg(b))

    return sub


def _make_mul(builder: HardwareRoutineBuilder) -> Routine:
    nan_of, multiplied = _nan_of(builder), builder.instructions.mul

    def mul(a: Any, b: Any) -> Any:
        z = multiplied(a, b)
        return z if z == z else nan_of(a, b)

    return mul


def _make_div(builder: HardwareRoutineBuilder) -> Routine:
    nan_of, divided = _nan_of(builder), builder.instructions.div

    def div(a: Any, b: Any) -> Any:
        z = divided(a, b)
        return z if z == z else nan_of(a, b)

    return div


def _make_sqrt(builder: HardwareRoutineBuilder) -> Routine:
    nan_of, root = _nan_of(builder), builder.instructions.sqrt

    def sqrt(a: Any) -> Any:
        z = root(a)
        return z if z == z else nan_of(a, a)

    return sqrt


def _make_fma(builder: HardwareRoutineBuilder) -> Routine:
    fused = builder.instructions.fma
    if fused is None:
        return _lift_ternary(builder, result_alone(builder.integer, "fma"))
    nan_of = _nan_of_ternary(builder)

    def fma(a: Any, b: Any, c: Any) -> Any:
        z = fused(a, b, c)
        return z if z == z else nan_of(a, b, c)

    return fma


def _add_usual_case(builder: HardwareRoutineBuilder, name: str, routine: Any) -> None:
    """Tell loops of the instruction of an operation, on a target where they gain by it.

    It belongs to the routine: a table that has another routine of that name has not its usual case.
    """
    instruction = getattr(builder.instructions, name, None) if name in ARITIES else None
    if instruction is None or not builder.integer.target.computes_rows:
        return

    def unary(a: Any) -> Any:
        z = instruction(a)
        return z == z

    def binary(a: Any, b: Any) -> Any:
        z = instruction(a, b)
        return z == z

    def ternary(a: Any, b: Any, c: Any) -> Any:
        z = instruction(a, b, c)
        return z == z

    is_usual = builder.integer.target.routine((unary, binary, ternary)[ARITIES[name] - 1])
    routine.usual_case = UsualCase(instruction, is_usual, makes_nans=True)


def _nan_of(builder: HardwareRoutineBuilder) -> Routine:
    """Return ``nan_of(a, b)``: the NaN that an operation on a and b returns."""
    integer, encoding, real = builder.integer, builder.encoding, builder.real
    propagate, is_nan = integer.routine(make_propagate), integer.routine(make_is_nan)
    invalid_nan = default_nan(integer)

    def nan_of(a: Any, b: Any) -> Any:
        x, y = encoding(a), encoding(b)
        return real(propagate(x, y) if is_nan(x) | is_nan(y) else invalid_nan)

    return integer.target.routine(nan_of)


def _nan_of_ternary(builder: HardwareRoutineBuilder) -> Routine:
    """Return ``nan_of(a, b, c)``: the NaN that fma returns."""
    integer, encoding, real = builder.integer, builder.encoding, builder.real
    propagate, is_nan = integer.routine(make_propagate_ternary), integer.routine(make_is_nan)
    invalid_nan = default_nan(integer)

    def nan_of(a: Any, b: Any, c: Any) -> Any:
        x, y, z = encoding(a), encoding(b), encoding(c)
        has_nan = is_nan(x) | is_nan(y) | is_nan(z)
        return real(propagate(x, y, z, False) if has_nan else invalid_nan)

    return integer.target.routine(nan_of)


def _lift_unary(builder: HardwareRoutineBuilder, routine: Routine) -> Routine:
    encoding, real = builder.encoding, builder.real

    def unary(a: Any) -> Any:
        return real(routine(encoding(a)))

    return unary


def _lift_binary(builder: HardwareRoutineBuilder, routine: Routine) -> Routine:
    encoding, real = builder.encoding, builder.real

    def binary(a: Any, b: Any) -> Any:
        return real(routine(encoding(a), encoding(b)))

    return binary


def _lift_ternary(builder: HardwareRoutineBuilder, routine: Routine) -> Routine:
    encoding, real = builder.encoding, builder.real

    def ternary(a: Any, b: Any, c: Any) -> Any:
        return real(routine(encoding(a), encoding(b), encoding(c)))

    return ternary


def _lift_scaling(builder: HardwareRoutineBuilder, routine: Routine) -> Routine:
    encoding, real = builder.encoding, builder.real

    def scaling(a: Any, n: Any) -> Any:
        return real(routine(encoding(a), n))

    return scaling


def _lift_inward(builder: HardwareRoutineBuilder, routine: Routine) -> Routine:
    encoding = builder.encoding

    def inward(a: Any) -> Any:
        return routine(encoding(a))

    return inward


def _lift_outward(builder: HardwareRoutineBuilder, routine: Routine) -> Routine:
    real = builder.real

    def outward(a: Any) -> Any:
        return real(routine(a))

    return outward


def _lift_predicate(builder: HardwareRoutineBuilder, routine: Routine) -> Routine:
    encoding = builder.encoding

    def predicate(a: Any, b: Any) -> Any:
        return routine(encoding(a), encoding(b))

    return predicate


def _lift_elementary(builder: HardwareRoutineBuilder, *, name: str) -> Routine:
    """Return an integer routine: processors lack these functions, and libraries differ."""
    lift = _lift_binary if name.removeprefix("accurate ") in BINARY else _lift_unary
    if builder.integer.format == BINARY64:
        return lift(builder, binary64_routine(builder.integer, name.removeprefix("accurate ")))
    return lift(builder, result_alone(builder.integer, name))


def _lift_fast(builder: HardwareRoutineBuilder, *, name: str) -> Routine:
    """Return a fast phase in hardware floats, or else that of an integer routine of binary32."""
    phases, target = floats.PHASES[builder.integer.format], builder.integer.target
    if target.has_float_phases and name in phases:
        return _float_builder(target).routine(phases[name])
    fast, encoding, real = fast_phase(builder.integer, name), builder.encoding, builder.real

    def lifted(a: Any) -> Any:
        certain, z = fast(encoding(a))
        return certain, real(z)

    return lifted


@cache
def _float_builder(target: Target) -> floats.FloatBuilder:
    return floats.FloatBuilder(target)


def _make_exact_round(builder: HardwareRoutineBuilder) -> Routine:
    round_sum, real = builder.integer.routine(exact_sums.make_round), builder.real

    def lifted(*terms: Any) -> Any:
        z, flags = round_sum(*terms)
        return real(z), flags

    return lifted


def _lifted(
    lift: Callable[[HardwareRoutineBuilder, Routine], Routine], *names: str
) -> dict[str, Callable[[HardwareRoutineBuilder], Routine]]:
    def maker(name: str) -> Callable[[HardwareRoutineBuilder], Routine]:
        return lambda builder: lift(builder, result_alone(builder.integer, name))

    return {name: maker(name) for name in names}


MAKERS: Final[dict[str, Callable[[HardwareRoutineBuilder], Routine]]] = {
    "add": _make_add,
    "sub": _make_sub,
    "mul": _make_mul,
    "div": _make_div,
    "sqrt": _make_sqrt,
    "fma": _make_fma,
    **_lifted(_lift_unary, "neg", "abs", "logb", "next_up", "next_down", *ROUND_TO_INTEGRAL),
    **_lifted(_lift_binary, "minimum", "maximum", "min_num", "max_num", "rem", "copy_sign"),
    **_lifted(_lift_predicate, "eq", "lt", "le", "compare", "total_order"),
    **_lifted(_lift_scaling, "scaleb"),
    **_lifted(_lift_inward, "classify", *TO_INT),
    **{name: partial(_lift_elementary, name=name) for name in (*UNARY, *BINARY)},
}
"""The operations."""

FURTHER: Final[dict[str, Callable[[HardwareRoutineBuilder], Routine]]] = {
    **_lifted(_lift_binary, *FURTHER_EXTREMA, "fmod", "next_after"),
    **_lifted(
        _lift_unary, *(name for name in FURTHER_FLAGGED_MAKERS if name.startswith("round_to_"))
    ),
    **_lifted(_lift_predicate, *SIGNALLING_COMPARISONS),
}
"""Operations that no method of the Scalar protocol has."""

PHASES: Final[dict[str, Callable[[HardwareRoutineBuilder], Routine]]] = {
    **{f"fast {name}": partial(_lift_fast, name=name) for name in (*UNARY, *BINARY)},
    **{
        f"accurate {name}": partial(_lift_elementary, name=f"accurate {name}")
        for name in (*UNARY, *BINARY)
    },
}
"""The two phases of functions, for :mod:`numlean_kernels.loops.two_phase`."""


@cache
def hardware_table(format: Format, target: Target, *, fast: bool = False) -> Table:
    """Return the table of hardware routines for binary32 or binary64 on a target.

    ``fast`` lets the target replace loops by faster ones; the bits are the same.
    """
    builder = HardwareRoutineBuilder(format, target)
    return Table(
        key=f"hardware/{format.name}",
        zero=REAL_DTYPES[format](0),
        make=builder.routine,
        fast=format if fast else None,
    )
