"""The elementary functions of an arithmetic, by name."""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.elementary import (
    arctangent,
    atan2,
    binary64,
    error_function,
    exponential,
    hypot,
    logarithm,
    power,
    roots,
    trigonometric,
)
from numlean_kernels.elementary.fast_phase import fast_maker
from numlean_kernels.elementary.rounding_test import with_fast_phase
from numlean_kernels.elementary.special_cases import binary_functions, unary_functions
from numlean_kernels.formats import BINARY32, BINARY64, Format
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_CORES: Final[dict[str, Maker]] = {
    # A function without a core of its own for narrow formats uses that of binary64.
    **binary64.CORES,
    **exponential.CORES,
    **logarithm.CORES,
    **trigonometric.CORES,
    **arctangent.CORES,
    **roots.CORES,
    **error_function.CORES,
    **power.CORES,
    **hypot.CORES,
    **atan2.CORES,
}

UNARY: Final = unary_functions(_CORES)
"""Functions of one operand: ``f(a) -> (z, flags)``."""

BINARY: Final = binary_functions(_CORES)
"""Functions of two operands: ``f(a, b) -> (z, flags)``."""

_BINARY64: Final = unary_functions(binary64.CORES) | binary_functions(binary64.CORES)
"""The same functions for formats wider than binary32, up to binary64."""

_ACCURATE: Final = "accurate "


def arity(name: str) -> int:
    """Return the number of operands of an elementary function, or of its accurate phase."""
    return 2 if name.removeprefix(_ACCURATE) in BINARY else 1


def binary64_routine(builder: RoutineBuilder, name: str) -> Routine:
    """Return the function of that name on encodings of binary64, to nearest, without flags.

    Raises:
        KeyError: No function has that name.
    """
    rounded = binary64_flagged_routine(builder, name)

    def function(*operands: Any) -> Any:
        return rounded(*operands)[0]

    return builder.target.routine(function)


def binary64_flagged_routine(builder: RoutineBuilder, name: str) -> Routine:
    """Return the function of that name on encodings, with the flags that it raises.

    The numbers of the format are numbers of binary64. Values on rounding boundaries are right in
    every direction, and so are their flags: they are computed to more than a hundred bits.

    Raises:
        KeyError: No function has that name.
    """
    return builder.routine(_BINARY64[name])


def fast_phase(builder: RoutineBuilder, name: str) -> Routine:
    """Return ``fast(a) -> (certain, z)``: the fast phase of the function of that name.

    Raises:
        KeyError: No function has that name, or it has no fast phase for the format.
    """
    make = _fast_maker(builder, name)
    if make is None:
        raise KeyError(name)
    word, fast = builder.word, builder.of_long_words().routine(make)

    def narrowed(a: Any) -> Any:
        certain, z = fast(a)
        return certain, word(z)

    return builder.target.routine(narrowed)


def _fast_maker(builder: RoutineBuilder, name: str) -> Maker | None:
    is_narrow = _is_within(builder, BINARY32)
    return fast_maker(name, builder.format) if is_narrow else None


def _is_within(builder: RoutineBuilder, widest: Format) -> bool:
    """Return whether all numbers are numbers of a format, and rounding is not stochastic."""
    format, least = builder.format, builder.format.emin - builder.format.trailing_bits
    fits = format.precision <= widest.precision and format.emax <= widest.emax
    fits &= least >= widest.emin - widest.trailing_bits
    return fits and builder.arithmetic.rounding is not Rounding.STOCHASTIC


def elementary_routine(builder: RoutineBuilder, name: str) -> Routine:
    """Return the function of that name on encodings, with the flags that it raises.

    ``"accurate " + name`` is the function without its fast phase.

    Raises:
        KeyError: No function has that name, or the format has numbers that binary64 lacks or rounds
            stochastically.
    """
    accurate = name.removeprefix(_ACCURATE)
    if _is_within(builder, BINARY32):
        make = BINARY[accurate] if accurate in BINARY else UNARY[accurate]
    elif _is_within(builder, BINARY64):
        make = _BINARY64[accurate]
    else:
        raise KeyError(name)
    make_fast = _fast_maker(builder, name)
    if make_fast is not None:
        make = with_fast_phase(make, make_fast)
    word, routine = builder.word, builder.of_long_words().routine(make)

    def narrowed(*operands: Any) -> Any:
        z, flags = routine(*operands)
        return word(z), word(flags)

    return builder.target.routine(narrowed)
