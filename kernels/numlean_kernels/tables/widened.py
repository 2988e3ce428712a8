"""The table of a small format computed in wider hardware floats, with the bits of the emulation."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from numlean_kernels.formats import BINARY64, format_of_key
from numlean_kernels.ieee.arithmetic import Arithmetic, Rounding
from numlean_kernels.ieee.convert import cast_format_key, is_cast
from numlean_kernels.ieee.stored import on_stored
from numlean_kernels.protocol import Carried, Routine, Table, Target
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.widened import at_random
from numlean_kernels.widened.arithmetic import MAKERS
from numlean_kernels.widened.builder import wide_builder
from numlean_kernels.widened.casts import (
    keeps_no_payloads,
    make_carry,
    make_cast,
    make_from_binary64,
    make_to_binary64,
    make_uncarry,
    wide_format_of_cast,
)
from numlean_kernels.widened.conditions import (
    WIDE,
    can_round,
    can_round_at_random,
    carrying_format,
    wide_format,
)
from numlean_kernels.widened.usual import make_usual

OPERATIONS: Final = tuple(MAKERS)
"""The operations that hardware floats may compute."""

_CARRYING: Final = {f"{verb} {w.width}": (verb, w) for w in WIDE for verb in ("carry", "uncarry")}
"""Routines between encodings and hardware floats of the same value."""


def widened_operations(arithmetic: Arithmetic) -> tuple[str, ...]:
    """Return the operations that hardware floats compute with the bits of an arithmetic."""
    if arithmetic.rounding is Rounding.STOCHASTIC:
        return OPERATIONS if can_round_at_random(arithmetic) else ()
    return tuple(name for name in MAKERS if wide_format(arithmetic, name) is not None)


@cache
def widened_table(arithmetic: Arithmetic, target: Target) -> Table:
    """Return the routines of a small format on encodings, with the bits of the emulation.

    The operations of ``widened_operations`` and conversions are computed in hardware floats; all
    others, and all that return flags, are those of the emulation. Where rounding is stochastic, all
    routines are those of the emulation, and have known results (``known_results_of``) in hardware
    floats.
    """
    emulated = ieee_table(arithmetic, target)
    made: dict[str, Routine] = {}
    make_routine = _make_at_random if arithmetic.rounding is Rounding.STOCHASTIC else _make

    def make(name: str) -> Routine:
        if name not in made:
            routine = make_routine(arithmetic, target, name)
            made[name] = emulated[name] if routine is None else routine
        return made[name]

    return Table(
        key=f"widened/{arithmetic.key}",
        zero=emulated.zero,
        make=make,
        same_bits_as=emulated.key,
        carried=_carried(arithmetic, fused=False),
        carried_fused=_carried(arithmetic, fused=True),
        short=frozenset(widened_operations(arithmetic)),
    )


def _carried(arithmetic: Arithmetic, *, fused: bool) -> Carried | None:
    wide = carrying_format(arithmetic, fused=fused)
    return None if wide is None else Carried(arithmetic.format.working, wide)


def _make(arithmetic: Arithmetic, target: Target, name: str) -> Routine | None:
    """Return an operation in hardware floats; None to use that of the emulation."""
    if name in _CARRYING:
        return _carrying(arithmetic, target, name)
    if name in MAKERS:
        return _operation(arithmetic, target, name)
    if is_cast(name):
        return _cast(arithmetic, target, name)
    if not can_round(arithmetic, BINARY64):
        return None
    builder = wide_builder(arithmetic, target, BINARY64)
    if name == "from_binary64":
        routine = builder.routine(make_from_binary64)
        return on_stored(builder, routine, 0, flagged=False, writes=True)
    if name == "to_binary64" and keeps_no_payloads(arithmetic):
        return builder.routine(make_to_binary64)
    return None


def _operation(arithmetic: Arithmetic, target: Target, name: str) -> Routine | None:
    wide = wide_format(arithmetic, name)
    if wide is None:
        return None
    maker, operands = MAKERS[name]
    builder = wide_builder(arithmetic, target, wide)
    routine = on_stored(builder, builder.routine(maker), operands, flagged=False, writes=True)
    if target.computes_rows and arithmetic.format.is_sign_magnitude:
        vars(routine)["usual_case"] = make_usual(builder, name)
    return routine


def _carrying(arithmetic: Arithmetic, target: Target, name: str) -> Routine | None:
    verb, wide = _CARRYING[name]
    if not can_round(arithmetic, wide):
        return None
    builder = wide_builder(arithmetic, target, wide)
    if verb == "carry":
        return builder.routine(make_carry)
    return on_stored(builder, builder.routine(make_uncarry), 0, flagged=False, writes=True)


def _cast(arithmetic: Arithmetic, target: Target, name: str) -> Routine | None:
    source = format_of_key(cast_format_key(name))
    wide = wide_format_of_cast(arithmetic, source)
    if wide is None:
        return None
    builder = wide_builder(arithmetic, target, wide)
    routine = target.routine(make_cast(builder, source))
    return on_stored(builder, routine, 0, flagged=False, writes=True)


def _make_at_random(arithmetic: Arithmetic, target: Target, name: str) -> Routine | None:
    """Return an operation of the emulation with known results; None if it has none."""
    if name in at_random.CARRIED_MAKERS and _is_known_at_random(arithmetic, target):
        builder = wide_builder(arithmetic, target, BINARY64)
        return builder.routine(at_random.CARRIED_MAKERS[name])
    known = _known_at_random(arithmetic, target, name)
    if known is None:
        return None
    emulated = ieee_table(arithmetic, target)[name]

    def operation(*operands: Any) -> Any:
        return emulated(*operands)

    routine = target.routine(operation)
    vars(routine)["known_results"] = known
    return routine


def _known_at_random(arithmetic: Arithmetic, target: Target, name: str) -> Routine | None:
    if not _is_known_at_random(arithmetic, target):
        return None
    builder = wide_builder(arithmetic, target, BINARY64)
    if name in at_random.MAKERS:
        return builder.routine(at_random.MAKERS[name])
    if not is_cast(name):
        return None
    source = format_of_key(cast_format_key(name))
    is_carried = source.key == BINARY64.key or can_round(Arithmetic(source), BINARY64)
    return target.routine(at_random.make_cast(builder, source)) if is_carried else None


def _is_known_at_random(arithmetic: Arithmetic, target: Target) -> bool:
    return target.computes_rows and can_round_at_random(arithmetic)
