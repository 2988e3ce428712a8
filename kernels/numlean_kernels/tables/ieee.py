"""The table of routines of an arithmetic."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from numlean_kernels.ieee import (
    add,
    classify,
    compare,
    convert,
    div,
    fma,
    integral,
    minmax,
    mul,
    rem,
    sign,
    sqrt,
    to_integer,
    total_order,
    unpacked_sums,
)
from numlean_kernels.ieee.arithmetic import Arithmetic, Rounding
from numlean_kernels.ieee.next import make_next_down, make_next_up
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder, routine_builder
from numlean_kernels.protocol import Routine, Table, Target

_DIRECTED: Final = tuple(r for r in Rounding if r is not Rounding.STOCHASTIC)

ROUND_TO_INTEGRAL: Final = {
    f"round_to_integral {rounding.value}": integral.round_to_integral(rounding)
    for rounding in _DIRECTED
}
"""Rounding to an integer in the format, in each direction."""

TO_INT: Final = {
    f"to_int{width} {rounding.value}": to_integer.to_int(width, rounding)
    for width in (32, 64)
    for rounding in _DIRECTED
}
"""Conversion to an integer of either width, in each direction."""

ROUNDED_MAKERS: Final[dict[str, Maker]] = {
    "add": add.make_add,
    "sub": add.make_sub,
    "mul": mul.make_mul,
    "div": div.make_div,
    "sqrt": sqrt.make_sqrt,
    "fma": fma.make_fma,
    "scaleb": integral.make_scaleb,
}
"""Operations that round as the arithmetic does. They take a word of noise after their operands."""

FLAGGED_MAKERS: Final[dict[str, Maker]] = {
    **ROUNDED_MAKERS,
    "rem": rem.make_rem,
    "logb": integral.make_logb,
    "next_up": make_next_up,
    "next_down": make_next_down,
    **ROUND_TO_INTEGRAL,
    **TO_INT,
    "from_binary64": convert.make_from_binary64,
    "to_binary64": convert.make_to_binary64,
    "from_int64": convert.make_from_int64,
}
"""Operations that return the flags they raise with their result."""

QUIET_MAKERS: Final[dict[str, Maker]] = {
    "neg": sign.make_neg,
    "abs": sign.make_abs,
    "minimum": minmax.make_minimum,
    "maximum": minmax.make_maximum,
    "min_num": minmax.make_min_num,
    "max_num": minmax.make_max_num,
    "compare": compare.make_compare,
    "eq": compare.make_eq,
    "lt": compare.make_lt,
    "le": compare.make_le,
    "total_order": total_order.make_total_order,
    "classify": classify.make_classify,
    "copy_sign": sign.make_copy_sign,
}
"""Operations that raise no flag."""

_UNPACKED_MAKERS: Final[dict[str, Maker]] = {
    "unpack": unpacked_sums.make_unpack_term,
    "pack": unpacked_sums.make_pack_sum,
    "accumulate": unpacked_sums.make_accumulate,
    "accumulate by encodings": unpacked_sums.make_accumulate_by_encodings,
}
"""How sums of products are computed without encodings, where they can be."""

_FAST: Final = "quick "

_ARITIES: Final = {"add": 2, "sub": 2, "mul": 2, "div": 2, "fma": 3, "rem": 2, "scaleb": 2} | {
    "pow": 2,
    "hypot": 2,
    "atan2": 2,
}


@cache
def ieee_table(arithmetic: Arithmetic, target: Target) -> Table:
    """The routines of an arithmetic on a target.

    ``table[name]`` is the operation's result alone; ``table["flagged " + name]`` the pair of it and
    the flags raised. First phases have names as :mod:`numlean_kernels.loops.two_phase` says; if
    numbers can be taken apart there are the routines of :mod:`.apart`. Where rounding is stochastic
    there are only the operations that round, and each takes a word of random bits after its
    operands.
    """
    builder = routine_builder(arithmetic, target)
    make = _make_stochastic if arithmetic.rounding is Rounding.STOCHASTIC else _make
    made: dict[str, Routine] = {}

    def make_once(name: str) -> Routine:
        if name not in made:
            made[name] = make(builder, name)
        return made[name]

    return Table(key=f"ieee/{arithmetic.key}", zero=builder.word(0), make=make_once)


def result_alone(builder: RoutineBuilder, name: str) -> Routine:
    """The operation's result, without the flags it may come with."""
    if name in QUIET_MAKERS:
        return builder.routine(QUIET_MAKERS[name])
    return builder.target.routine(_first(_without_noise(builder, name), _ARITIES.get(name, 1)))


def fast_phase(builder: RoutineBuilder, name: str) -> Routine:
    """A function's first phase, ``quick(a) -> (settled, z)``.

    Raises:
        KeyError: It has none.
    """
    if name in FLAGGED_MAKERS or name in QUIET_MAKERS:
        raise KeyError(name)
    from numlean_kernels.tables.elementary import fast_phase

    return fast_phase(builder, name)


def _make(builder: RoutineBuilder, name: str) -> Routine:
    if name in _UNPACKED_MAKERS and unpacked_sums.supports_unpacked_sums(builder):
        return builder.routine(_UNPACKED_MAKERS[name])
    if name.startswith(_FAST):
        return fast_phase(builder, name.removeprefix(_FAST))
    flagged = name.removeprefix("flagged ")
    return _without_noise(builder, flagged) if flagged != name else result_alone(builder, name)


def _make_stochastic(builder: RoutineBuilder, name: str) -> Routine:
    flagged = name.removeprefix("flagged ")
    routine = builder.routine(ROUNDED_MAKERS[flagged])
    if flagged != name:
        return routine
    return builder.target.routine(_first(routine, _ARITIES.get(name, 1) + 1))


def _without_noise(builder: RoutineBuilder, name: str) -> Routine:
    if name not in FLAGGED_MAKERS:
        # Made of this package's routines, and so imported only now.
        from numlean_kernels.tables.elementary import elementary_routine

        return elementary_routine(builder, name)
    routine = builder.routine(FLAGGED_MAKERS[name])
    if name not in ROUNDED_MAKERS:
        return routine
    random_bits, arity = builder.word(0), _ARITIES.get(name, 1)
    return builder.target.routine(_with_last(routine, arity, random_bits))


def _with_last(routine: Routine, arity: int, last: Any) -> Routine:
    def unary(a: Any) -> Any:
        return routine(a, last)

    def binary(a: Any, b: Any) -> Any:
        return routine(a, b, last)

    def ternary(a: Any, b: Any, c: Any) -> Any:
        return routine(a, b, c, last)

    return (unary, binary, ternary)[arity - 1]


def _first(routine: Routine, arity: int) -> Routine:
    def unary(a: Any) -> Any:
        return routine(a)[0]

    def binary(a: Any, b: Any) -> Any:
        return routine(a, b)[0]

    def ternary(a: Any, b: Any, c: Any) -> Any:
        return routine(a, b, c)[0]

    def quaternary(a: Any, b: Any, c: Any, d: Any) -> Any:
        return routine(a, b, c, d)[0]

    return (unary, binary, ternary, quaternary)[arity - 1]
