"""The table of routines of a tapered format."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.ieee.convert import is_cast
from numlean_kernels.ieee.exact_sums import ROUND
from numlean_kernels.protocol import Routine, Table, Target
from numlean_kernels.tapered import arithmetic, convert, integral, order, sums
from numlean_kernels.tapered.builder import Maker, tapered_builder
from numlean_kernels.tapered.codes import LEAD, make_magnitude, make_pack, make_unpack
from numlean_kernels.tapered.formats import TaperedFormat
from numlean_kernels.targets.python import PYTHON

_DIRECTED: Final = tuple(r for r in Rounding if r is not Rounding.STOCHASTIC)

_MAKERS: Final[dict[str, Maker]] = {
    "add": arithmetic.make_add,
    "sub": arithmetic.make_sub,
    "mul": arithmetic.make_mul,
    "div": arithmetic.make_div,
    "sqrt": arithmetic.make_sqrt,
    "fma": arithmetic.make_fma,
    "neg": arithmetic.make_neg,
    "abs": order.make_abs,
    "copy_sign": order.make_copy_sign,
    "eq": order.make_eq,
    "lt": order.make_lt,
    "le": order.make_le,
    "total_order": order.make_le,
    "compare": order.make_compare,
    "minimum": order.make_minimum,
    "maximum": order.make_maximum,
    "min_num": order.make_min_num,
    "max_num": order.make_max_num,
    "is_nan": order.make_is_nan,
    "classify": order.make_classify,
    "next_up": order.make_next_up,
    "next_down": order.make_next_down,
    "rem": integral.make_rem,
    "scaleb": integral.make_scaleb,
    "logb": integral.make_logb,
    "from_binary64": convert.make_from_binary64,
    "to_binary64": convert.make_to_binary64,
    "from_int64": convert.make_from_int64,
    **{f"round_to_integral {r.value}": integral.round_to_integral(r) for r in _DIRECTED},
    **{
        f"to_int{width} {r.value}": integral.to_int(width, r)
        for width in (32, 64)
        for r in _DIRECTED
    },
}

OPERATIONS: Final = tuple(_MAKERS)
"""The names of all routines but casts and those of exact sums."""

_ROUND_SUM: Final = f"flagged {ROUND}"


@cache
def tapered_table(format: TaperedFormat, target: Target) -> Table:
    """Return the routines of a tapered format on a target. They keep no flags."""
    builder = tapered_builder(format, target)

    def make(name: str) -> Routine:
        return builder.routine(_maker(name))

    return Table(key=f"tapered/{format.key}", zero=builder.word(0), make=make)


def _maker(name: str) -> Maker:
    if is_cast(name):
        return convert.cast_maker(name)
    if sums.is_term(name):
        return sums.term_maker(name)
    return sums.make_round if name == _ROUND_SUM else _MAKERS[name]


@cache
def exact_encoder(format: TaperedFormat) -> Callable[[bool, int, int], int]:
    """Return ``encode(negative, m, e)``: the code of m * 2**e with m >= 0, rounded once."""
    pack = tapered_builder(format, PYTHON).routine(make_pack)

    def encode(negative: bool, m: int, e: int) -> int:
        if m == 0:
            return 0
        shift = m.bit_length() - 1 - LEAD
        lost = m & ((1 << max(shift, 0)) - 1) != 0
        sig = (m >> max(shift, 0) | lost) << max(-shift, 0)
        return int(pack(negative, e + m.bit_length() - 1, sig))

    return encode


@cache
def exact_decoder(format: TaperedFormat) -> Callable[[int], tuple[int, int]]:
    """Return ``decode(code) -> (m, e)``: the exact value m * 2**e of a code that is not NaR."""
    builder = tapered_builder(format, PYTHON)
    magnitude, unpack = builder.routine(make_magnitude), builder.routine(make_unpack)

    def decode(code: int) -> tuple[int, int]:
        e, sig = unpack(magnitude(code))
        return (-sig if code & format.nar else sig), e - LEAD

    return decode
