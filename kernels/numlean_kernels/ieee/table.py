"""The table of routines of an IEEE format."""

from __future__ import annotations

from functools import cache
from typing import Final

from numlean_kernels.formats import Format
from numlean_kernels.ieee import add, compare, convert, div, fma, minmax, mul, sign, sqrt
from numlean_kernels.ieee.kit import Kit, Maker
from numlean_kernels.targets.protocol import Table, Target

MAKERS: Final[dict[str, Maker]] = {
    "add": add.make_add,
    "sub": add.make_sub,
    "mul": mul.make_mul,
    "div": div.make_div,
    "sqrt": sqrt.make_sqrt,
    "fma": fma.make_fma,
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
    "from_binary64": convert.make_from_binary64,
    "to_binary64": convert.make_to_binary64,
    "from_int64": convert.make_from_int64,
}


@cache
def ieee_table(format: Format, target: Target) -> Table:
    """The routines of a format on a target: ties to even, NaN rule of TorchLean."""
    kit = Kit(format, target)
    return Table(
        identity=f"ieee/{format.name}",
        zero=kit.word(0),
        make=lambda name: kit.routine(MAKERS[name]),
    )
