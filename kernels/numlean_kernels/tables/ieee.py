"""The table of routines of an arithmetic on encodings."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from numlean_kernels.flags import INVALID
from numlean_kernels.ieee import (
    add,
    classify,
    compare,
    convert,
    div,
    exact_sums,
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
from numlean_kernels.ieee.nan import make_is_nan, make_is_signalling
from numlean_kernels.ieee.next import make_next_after, make_next_down, make_next_up
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder, routine_builder
from numlean_kernels.ieee.stored import make_write_stored, on_stored
from numlean_kernels.ieee.usual_results import USUAL_MAKERS, supports_usual_results
from numlean_kernels.protocol import Routine, Table, Target
from numlean_kernels.tables import elementary
from numlean_kernels.tables.philox import PHILOX, RESUME, START, philox_table
from numlean_kernels.targets.python import PYTHON

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
"""Conversion to a signed integer of 32 or 64 bits, in each direction. Tables have all conversions
that ``to_integer.integer_name`` names."""

ROUNDED_MAKERS: Final[dict[str, Maker]] = {
    "add": add.make_add,
    "sub": add.make_sub,
    "mul": mul.make_mul,
    "div": div.make_div,
    "sqrt": sqrt.make_sqrt,
    "fma": fma.make_fma,
    "scaleb": integral.make_scaleb,
}
"""Operations that round in the direction of the arithmetic. Where that is stochastic, they take a
word of random bits after their operands."""

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
"""Operations that return their result and the flags that they raise."""

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
"""Operations that return their result alone."""

FURTHER_FLAGGED_MAKERS: Final[dict[str, Maker]] = {
    "fmod": rem.make_fmod,
    "next_after": make_next_after,
    "from_uint64": convert.make_from_uint64,
    **{
        f"round_to_integral_exact {rounding.value}": integral.round_to_integral(
            rounding, is_exact=True
        )
        for rounding in _DIRECTED
    },
}
"""Operations that no method of the Scalar protocol has, and that return the flags they raise."""

FURTHER_EXTREMA: Final[dict[str, Maker]] = {
    "minimum_number": minmax.make_minimum_number,
    "maximum_number": minmax.make_maximum_number,
    "minimum_magnitude": minmax.make_minimum_magnitude,
    "maximum_magnitude": minmax.make_maximum_magnitude,
    "minimum_magnitude_number": minmax.make_minimum_magnitude_number,
    "maximum_magnitude_number": minmax.make_maximum_magnitude_number,
}
"""Further minima and maxima (clause 9.6), which return their result alone."""

SIGNALLING_COMPARISONS: Final = {
    "signalling_eq": "eq",
    "signalling_lt": "lt",
    "signalling_le": "le",
    "signalling_compare": "compare",
}
"""Comparisons for which any NaN is invalid (clause 5.6.1), and those with the same results for
which only a signalling NaN is."""

_QUIET_PAIRS: Final = (
    *("minimum", "maximum", "min_num", "max_num", *FURTHER_EXTREMA),
    *SIGNALLING_COMPARISONS.values(),
)
"""Operations of two operands that only a signalling NaN makes invalid."""

_OPERANDS: Final = {
    **dict.fromkeys(("fma",), 3),
    **dict.fromkeys(("add", "sub", "mul", "div", "rem", "fmod", "next_after"), 2),
    **dict.fromkeys((*_QUIET_PAIRS, *SIGNALLING_COMPARISONS, "total_order", "copy_sign"), 2),
    **dict.fromkeys(("from_binary64", "from_int64", "from_uint64", exact_sums.ROUND), 0),
}
"""The number of operands that are encodings of the arithmetic's format, which come first; of other
operations it is one, or that of the function."""

_ALONE_MAKERS: Final = {**QUIET_MAKERS, **FURTHER_EXTREMA}

_NO_ENCODING: Final = frozenset(
    {
        *("to_binary64", "total_order", "classify"),
        *SIGNALLING_COMPARISONS,
        *SIGNALLING_COMPARISONS.values(),
    }
)
"""Operations whose result is not an encoding of the arithmetic's format."""

_UNPACKED_MAKERS: Final[dict[str, Maker]] = {
    "unpack": unpacked_sums.make_unpack_term,
    "pack": unpacked_sums.make_pack_sum,
    "accumulate": unpacked_sums.make_accumulate,
    "accumulate by encodings": unpacked_sums.make_accumulate_by_encodings,
}
"""Sums of products on unpacked numbers."""

_FAST: Final = "fast "


@cache
def ieee_table(arithmetic: Arithmetic, target: Target) -> Table:
    """Return the routines of an arithmetic on a target.

    ``table[name]`` returns the result of an operation alone, ``table["flagged " + name]`` the pair
    of the result and the flags raised. Fast phases are named as in
    :mod:`numlean_kernels.loops.two_phase`. If numbers can be unpacked, the table has the routines
    of :mod:`numlean_kernels.ieee.unpacked_sums`. Where rounding is stochastic, the table has only
    the operations that round and ``from_binary64``, each of which takes a word of random bits after
    its operands, and those of ``philox_table``, which draw such words.
    Every table has ``convert.cast_name(format)`` for every format, and the routines of
    :mod:`numlean_kernels.ieee.exact_sums` for all formats. All encodings are as they are stored.
    """
    builder = routine_builder(arithmetic, target)
    make = _make_stochastic if arithmetic.rounding is Rounding.STOCHASTIC else _make
    made: dict[str, Routine] = {}

    def make_once(name: str) -> Routine:
        if name not in made:
            made[name] = make(builder, name)
        return made[name]

    return Table(key=f"ieee/{arithmetic.key}", zero=_zero(builder), make=make_once)


def _zero(builder: RoutineBuilder) -> Any:
    """Return the number from which sums start; what stands for +0 in a format without zero."""
    if builder.arithmetic.format.has_zero:
        return builder.word(0)
    interpreted = routine_builder(builder.arithmetic, PYTHON)
    return builder.word(interpreted.routine(make_write_stored)(0, 0)[0])


def result_alone(builder: RoutineBuilder, name: str) -> Routine:
    """Return the operation of that name without the flags that it may return."""
    quiet = SIGNALLING_COMPARISONS.get(name, name)
    if quiet in _ALONE_MAKERS:
        routine = builder.routine(_ALONE_MAKERS[quiet])
        return _on_stored(builder, routine, quiet, flagged=False)
    routine = _without_flags(builder, _flagged(builder, name))
    _add_usual_results(builder, name, routine)
    return routine


def _add_usual_results(builder: RoutineBuilder, name: str, routine: Any) -> None:
    """Tell loops of the usual results of an operation, on a target where they gain by it.

    They belong to the routine: a table that has another routine of that name has not its results.
    """
    if name in USUAL_MAKERS and builder.target.computes_rows and supports_usual_results(builder):
        routine.usual_results = USUAL_MAKERS[name](builder)


def _on_stored(
    builder: RoutineBuilder, routine: Routine, name: str, *, flagged: bool = True
) -> Routine:
    operands = _OPERANDS.get(name, 0 if convert.is_cast(name) else elementary.arity(name))
    writes = name not in _NO_ENCODING and to_integer.integer_dtype(name) is None
    return on_stored(builder, routine, operands, flagged=flagged, writes=writes)


def _alone_on_working(builder: RoutineBuilder, name: str) -> Routine:
    name = SIGNALLING_COMPARISONS.get(name, name)
    if name in _ALONE_MAKERS:
        return builder.routine(_ALONE_MAKERS[name])
    return _without_flags(builder, _flagged_on_working(builder, name))


def fast_phase(builder: RoutineBuilder, name: str) -> Routine:
    """Return a function's fast phase, ``fast(a) -> (certain, z)``.

    Raises:
        KeyError: The function has no fast phase.
    """
    is_stored = builder.arithmetic.format.is_sign_magnitude
    if not is_stored or name in FLAGGED_MAKERS or name not in elementary.UNARY:
        raise KeyError(name)
    return elementary.fast_phase(builder, name)


def _make(builder: RoutineBuilder, name: str) -> Routine:
    if name in _UNPACKED_MAKERS and unpacked_sums.supports_unpacked_sums(builder):
        return builder.routine(_UNPACKED_MAKERS[name])
    if exact_sums.is_term(name):
        return builder.routine(exact_sums.term_maker(name))
    if name.startswith((_FAST, f"flagged {_FAST}")):
        return fast_phase(builder, name.removeprefix("flagged ").removeprefix(_FAST))
    flagged = name.removeprefix("flagged ")
    return _flagged(builder, flagged) if flagged != name else result_alone(builder, name)


def _make_stochastic(builder: RoutineBuilder, name: str) -> Routine:
    if name in (PHILOX, START, RESUME):
        return philox_table(builder.target)[name]
    if exact_sums.is_term(name):
        return builder.routine(exact_sums.term_maker(name))
    flagged = name.removeprefix("flagged ")
    is_cast = convert.is_cast(flagged)
    makers = {
        **ROUNDED_MAKERS,
        "from_binary64": convert.make_from_binary64,
        exact_sums.ROUND: exact_sums.make_round,
    }
    routine = builder.routine(convert.cast_maker(flagged) if is_cast else makers[flagged])
    routine = _on_stored(builder, routine, flagged)
    return routine if flagged != name else _without_flags(builder, routine)


def _flagged(builder: RoutineBuilder, name: str) -> Routine:
    return _on_stored(builder, _flagged_on_working(builder, name), name)


def _flagged_on_working(builder: RoutineBuilder, name: str) -> Routine:
    if name in FLAGGED_MAKERS:
        return builder.routine(FLAGGED_MAKERS[name])
    if name in FURTHER_FLAGGED_MAKERS:
        return builder.routine(FURTHER_FLAGGED_MAKERS[name])
    if to_integer.integer_dtype(name) is not None:
        return builder.routine(to_integer.integer_maker(name))
    if name in _QUIET_PAIRS:
        return _with_invalid(builder, name, builder.routine(make_is_signalling))
    if name in SIGNALLING_COMPARISONS:
        return _with_invalid(builder, name, builder.routine(make_is_nan))
    if name == exact_sums.ROUND:
        return builder.routine(exact_sums.make_round)
    if convert.is_cast(name):
        return builder.routine(convert.cast_maker(name))
    return elementary.elementary_routine(builder, name)


def _with_invalid(builder: RoutineBuilder, name: str, is_invalid: Routine) -> Routine:
    """Return an operation of two operands that is invalid if a routine holds for one of them."""
    routine, word = _alone_on_working(builder, name), builder.word
    no_flag, invalid_flag = word(0), word(INVALID)

    def result(a: Any, b: Any) -> Any:
        invalid = is_invalid(word(a)) | is_invalid(word(b))
        return routine(a, b), (invalid_flag if invalid else no_flag)

    return builder.target.routine(result)


def _without_flags(builder: RoutineBuilder, routine: Routine) -> Routine:
    def result(*operands: Any) -> Any:
        return routine(*operands)[0]

    return builder.target.routine(result)
