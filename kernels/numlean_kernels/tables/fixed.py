"""The table of routines of a fixed-point arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from numlean_kernels.fixed import arithmetic, convert, integral, order
from numlean_kernels.fixed.builder import Maker, fixed_builder
from numlean_kernels.fixed.counts import ABOVE_HALF, BELOW_HALF, EXACT, HALF, make_settle
from numlean_kernels.fixed.formats import FixedArithmetic
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.ieee.convert import is_cast
from numlean_kernels.protocol import Routine, Table, Target
from numlean_kernels.targets.python import PYTHON

DIRECTIONS: Final = tuple(r for r in Rounding if r is not Rounding.STOCHASTIC)
"""The directions in which fixed-point numbers round."""

_MARK: Final = 1 << 62
"""An integer beyond every format, with low bits of 0."""

_FARTHEST: Final = 200

_FLAGGED: Final[dict[str, Maker]] = {
    "add": arithmetic.make_add,
    "sub": arithmetic.make_sub,
    "mul": arithmetic.make_mul,
    "div": arithmetic.make_div,
    "sqrt": arithmetic.make_sqrt,
    "fma": arithmetic.make_fma,
    "rem": arithmetic.make_rem,
    "scaleb": integral.make_scaleb,
    "logb": integral.make_logb,
    "from_binary64": convert.make_from_binary64,
    "to_binary64": convert.make_to_binary64,
    "from_int64": convert.make_from_int64,
    **{f"round_to_integral {r.value}": integral.round_to_integral(r) for r in DIRECTIONS},
    **{
        f"to_int{width} {r.value}": integral.to_int(width, r)
        for width in (32, 64)
        for r in DIRECTIONS
    },
}

_QUIET: Final[dict[str, Maker]] = {
    "neg": order.make_neg,
    "abs": order.make_abs,
    "copy_sign": order.make_copy_sign,
    "eq": order.make_eq,
    "lt": order.make_lt,
    "le": order.make_le,
    "total_order": order.make_le,
    "compare": order.make_compare,
    "minimum": order.make_minimum,
    "maximum": order.make_maximum,
    "min_num": order.make_minimum,
    "max_num": order.make_maximum,
    "classify": order.make_classify,
}

_NEIGHBOURS: Final[dict[str, Maker]] = {
    "next_up": order.make_next_up,
    "next_down": order.make_next_down,
}

_SHORT: Final = frozenset({"add", "sub"})

FLAGGED: Final = tuple(_FLAGGED)
"""The names of routines that return flags."""

OPERATIONS: Final = (*_FLAGGED, *_QUIET, *_NEIGHBOURS)
"""The names of all routines but casts."""


@cache
def fixed_table(arithmetic: FixedArithmetic, target: Target) -> Table:
    """Return the routines of an arithmetic on a target.

    ``table[name]`` returns the result alone, ``table["flagged " + name]`` the result and the flags.
    """
    builder = fixed_builder(arithmetic, target)
    made: dict[str, Routine] = {}

    def make(name: str) -> Routine:
        if name not in made:
            made[name] = _make(name)
        return made[name]

    def _make(name: str) -> Routine:
        quiet = {**_QUIET, **_NEIGHBOURS}
        if name in quiet:
            return builder.routine(quiet[name])
        flagged = name.removeprefix("flagged ")
        if flagged in _NEIGHBOURS:
            return target.routine(_without_exceptions(builder.routine(_NEIGHBOURS[flagged])))
        maker = convert.cast_maker(flagged) if is_cast(flagged) else _FLAGGED[flagged]
        routine = builder.routine(maker)
        return routine if flagged != name else target.routine(_first(routine))

    key, zero = f"fixed/{arithmetic.key}", builder.word(0)
    return Table(key=key, zero=zero, make=make, short=_SHORT)


def _first(routine: Routine) -> Routine:
    def result(*operands: Any) -> Any:
        return routine(*operands)[0]

    return result


def _without_exceptions(routine: Routine) -> Routine:
    def flagged(a: Any) -> Any:
        return routine(a), 0

    return flagged


@cache
def exact_encoder(arithmetic: FixedArithmetic) -> Callable[[bool, int, int], tuple[int, int]]:
    """Return ``encode(negative, m, e) -> (code, flags)``: m * 2**e with m >= 0, rounded once."""
    builder = fixed_builder(arithmetic, PYTHON)
    settle, fraction_bits = builder.routine(make_settle), arithmetic.format.fraction_bits

    def encode(negative: bool, m: int, e: int) -> tuple[int, int]:
        code, flags = settle(negative, *_in_a_word(m, e + fraction_bits))
        return int(code), int(flags)

    return encode


def _in_a_word(m: int, e: int) -> tuple[int, int]:
    """Return m * 2**e as an integer and the rest below it.

    Of an integer beyond a word the low bits are right, and it is beyond every format.
    """
    if m and e > _FARTHEST:
        return _MARK, EXACT
    if e >= 0:
        n, rest = m << e, EXACT
    elif -e > m.bit_length() + 1:
        n, rest = 0, BELOW_HALF if m else EXACT
    else:
        n, low, half = m >> -e, m & ((1 << -e) - 1), 1 << (-e - 1)
        unequal = BELOW_HALF if low < half else ABOVE_HALF
        rest = EXACT if low == 0 else HALF if low == half else unequal
    return (n & (_MARK - 1)) | (_MARK if n >= _MARK else 0), rest
