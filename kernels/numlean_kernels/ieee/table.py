"""The table of routines of an arithmetic."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from numlean_kernels.ieee import (
    add,
    compare,
    convert,
    div,
    fma,
    integral,
    minmax,
    mul,
    neighbours,
    rem,
    sign,
    sqrt,
)
from numlean_kernels.ieee.arithmetic import Arithmetic, Rounding
from numlean_kernels.ieee.kit import Kit, Maker
from numlean_kernels.targets.protocol import Routine, Table, Target

ROUND_TO_INTEGRAL: Final = {
    f"round_to_integral {rounding.value}": integral.round_to_integral(rounding)
    for rounding in Rounding
}
"""Rounding to an integer, in each direction."""

FLAGGED_MAKERS: Final[dict[str, Maker]] = {
    "add": add.make_add,
    "sub": add.make_sub,
    "mul": mul.make_mul,
    "div": div.make_div,
    "sqrt": sqrt.make_sqrt,
    "fma": fma.make_fma,
    "rem": rem.make_rem,
    "scale_b": integral.make_scale_b,
    "log_b": integral.make_log_b,
    "next_up": neighbours.make_next_up,
    "next_down": neighbours.make_next_down,
    **ROUND_TO_INTEGRAL,
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
    "total_order": neighbours.make_total_order,
    "class_of": neighbours.make_class_of,
    "copy_sign": neighbours.make_copy_sign,
}
"""Operations that raise no flag."""


@cache
def ieee_table(arithmetic: Arithmetic, target: Target) -> Table:
    """The routines of an arithmetic on a target.

    ``table[name]`` is the operation's result alone; ``table["flagged " + name]`` the pair of it and
    the flags raised.
    """
    kit = Kit(arithmetic, target)
    made: dict[str, Routine] = {}

    def make(name: str) -> Routine:
        if name not in made:
            made[name] = _make(kit, name)
        return made[name]

    return Table(identity=f"ieee/{arithmetic.identity}", zero=kit.word(0), make=make)


def result_alone(kit: Kit, name: str) -> Routine:
    """The operation's result, without the flags it may come with."""
    if name in QUIET_MAKERS:
        return kit.routine(QUIET_MAKERS[name])
    return kit.target.routine(_RESULT[name](kit.routine(FLAGGED_MAKERS[name])))


def _make(kit: Kit, name: str) -> Routine:
    flagged = name.removeprefix("flagged ")
    return kit.routine(FLAGGED_MAKERS[flagged]) if flagged != name else result_alone(kit, name)


def _unary_result(routine: Routine) -> Routine:
    def unary(a: Any) -> Any:
        return routine(a)[0]

    return unary


def _binary_result(routine: Routine) -> Routine:
    def binary(a: Any, b: Any) -> Any:
        return routine(a, b)[0]

    return binary


def _ternary_result(routine: Routine) -> Routine:
    def ternary(a: Any, b: Any, c: Any) -> Any:
        return routine(a, b, c)[0]

    return ternary


_RESULT: Final = {
    **dict.fromkeys(FLAGGED_MAKERS, _unary_result),
    **dict.fromkeys(("add", "sub", "mul", "div", "rem", "scale_b"), _binary_result),
    "fma": _ternary_result,
}
