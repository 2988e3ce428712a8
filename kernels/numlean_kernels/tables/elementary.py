"""The elementary functions of an arithmetic, by name."""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.elementary import binary64
from numlean_kernels.elementary.arctangent import ARCS
from numlean_kernels.elementary.atan2 import ANGLE
from numlean_kernels.elementary.error_function import ERROR
from numlean_kernels.elementary.exponential import EXPONENTIAL
from numlean_kernels.elementary.fast_phase import fast_maker
from numlean_kernels.elementary.hypot import HYPOTENUSE
from numlean_kernels.elementary.logarithm import LOGARITHMIC
from numlean_kernels.elementary.power import POWER
from numlean_kernels.elementary.roots import ROOTS
from numlean_kernels.elementary.rounding_test import with_fast_phase
from numlean_kernels.elementary.trigonometric import TRIGONOMETRIC
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

UNARY: Final[dict[str, Maker]] = {
    **EXPONENTIAL,
    **LOGARITHMIC,
    **TRIGONOMETRIC,
    **ARCS,
    **ROOTS,
    **ERROR,
}
"""Functions of one operand: ``f(a) -> (z, flags)``."""

BINARY: Final[dict[str, Maker]] = {**POWER, **HYPOTENUSE, **ANGLE}
"""Functions of two operands: ``f(a, b) -> (z, flags)``."""

_WIDEST_PRECISION: Final = 24
_WIDEST_EXPONENT: Final = 8
_ACCURATE: Final = "whole "

_BINARY64_UNARY: Final[dict[str, Maker]] = {
    **binary64.EXPONENTIAL,
    **binary64.LOGARITHMIC,
    **binary64.TRIGONOMETRIC,
    **binary64.ARCS,
    **binary64.ROOTS,
    **binary64.ERROR,
}
_BINARY64_BINARY: Final[dict[str, Maker]] = {
    **binary64.POWER,
    **binary64.HYPOTENUSE,
    **binary64.ANGLE,
}


def binary64_routine(builder: RoutineBuilder, name: str) -> Routine:
    """The function of that name on encodings of binary64, rounded to nearest, with no flags.

    Raises:
        KeyError: There is none.
    """
    makers = _BINARY64_BINARY if name in BINARY else _BINARY64_UNARY
    rounded = builder.routine(makers[name])

    def unary(a: Any) -> Any:
        z, _ = rounded(a)
        return z

    def binary(a: Any, b: Any) -> Any:
        z, _ = rounded(a, b)
        return z

    return builder.target.routine(binary if name in BINARY else unary)


def fast_phase(builder: RoutineBuilder, name: str) -> Routine:
    """``quick(a) -> (settled, z)``: what settles most operands of the function of that name.

    Raises:
        KeyError: There is none, or no such function.
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
    return fast_maker(name, builder.format) if _has_functions(builder) else None


def _has_functions(builder: RoutineBuilder) -> bool:
    format = builder.format
    fits = format.precision <= _WIDEST_PRECISION and format.exponent_bits <= _WIDEST_EXPONENT
    return fits and builder.arithmetic.rounding is not Rounding.STOCHASTIC


def elementary_routine(builder: RoutineBuilder, name: str) -> Routine:
    """The function of that name on encodings, with the flags it raises.

    The name may be that of a function without its first phase, ``"whole " + name``.

    Raises:
        KeyError: There is none for the format: its numbers are wider than binary32's, or rounded
            by chance.
    """
    if not _has_functions(builder):
        raise KeyError(name)
    if name in BINARY:
        return builder.target.routine(_narrowed_binary(builder, BINARY[name]))
    make, make_fast = UNARY[name.removeprefix(_ACCURATE)], _fast_maker(builder, name)
    if make_fast is not None:
        make = with_fast_phase(make, make_fast)
    return builder.target.routine(_narrowed_unary(builder, make))


def _narrowed_unary(builder: RoutineBuilder, make: Maker) -> Routine:
    word, routine = builder.word, builder.of_long_words().routine(make)

    def unary(a: Any) -> Any:
        z, flags = routine(a)
        return word(z), word(flags)

    return unary


def _narrowed_binary(builder: RoutineBuilder, make: Maker) -> Routine:
    word, routine = builder.word, builder.of_long_words().routine(make)

    def binary(a: Any, b: Any) -> Any:
        z, flags = routine(a, b)
        return word(z), word(flags)

    return binary
