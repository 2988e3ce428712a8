"""The table of routines of a logarithmic arithmetic."""

from __future__ import annotations

from functools import cache
from typing import Final

from numlean_kernels.logarithmic import arithmetic, order
from numlean_kernels.logarithmic.builder import Maker, log_builder
from numlean_kernels.logarithmic.formats import LogArithmetic
from numlean_kernels.protocol import Routine, Table, Target

_MAKERS: Final[dict[str, Maker]] = {
    "add": arithmetic.make_add,
    "sub": arithmetic.make_sub,
    "mul": arithmetic.make_mul,
    "div": arithmetic.make_div,
    "sqrt": arithmetic.make_sqrt,
    "fma": arithmetic.make_fma,
    "scaleb": arithmetic.make_scaleb,
    "neg": arithmetic.make_neg,
    "abs": order.make_abs,
    "copy_sign": order.make_copy_sign,
    "eq": order.make_eq,
    "lt": order.make_lt,
    "le": order.make_le,
    "total_order": order.make_total_order,
    "compare": order.make_compare,
    "minimum": order.make_minimum,
    "maximum": order.make_maximum,
    "min_num": order.make_min_num,
    "max_num": order.make_max_num,
    "classify": order.make_classify,
    "next_up": order.make_next_up,
    "next_down": order.make_next_down,
}

_SHORT: Final = frozenset({"mul", "div", "sqrt"})
"""Sums, differences and halves of logarithms."""

OPERATIONS: Final = tuple(_MAKERS)
"""The names of all routines."""


@cache
def log_table(arithmetic: LogArithmetic, target: Target) -> Table:
    """Return the routines of a logarithmic arithmetic on a target. They keep no flags."""
    builder = log_builder(arithmetic, target)

    def make(name: str) -> Routine:
        return builder.routine(_MAKERS[name])

    zero = builder.word(arithmetic.format.zero)
    return Table(key=f"logarithmic/{arithmetic.key}", zero=zero, make=make, short=_SHORT)
