"""The elementary functions of an arithmetic, by name."""

from __future__ import annotations

from typing import Any, Final

from numlean_kernels.elementary import binary64
from numlean_kernels.elementary.arctangent import ARCS
from numlean_kernels.elementary.atan2 import ANGLE
from numlean_kernels.elementary.error_function import ERROR
from numlean_kernels.elementary.exponential import EXPONENTIAL
from numlean_kernels.elementary.fast_phase import quick_maker
from numlean_kernels.elementary.hypot import HYPOTENUSE
from numlean_kernels.elementary.logarithm import LOGARITHMIC
from numlean_kernels.elementary.power import POWER
from numlean_kernels.elementary.roots import ROOTS
from numlean_kernels.elementary.rounding_test import quickened
from numlean_kernels.elementary.trigonometric import TRIGONOMETRIC
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.ieee.routine_builder import Kit, Maker
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
_WHOLE: Final = "whole "

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


def binary64_routine(kit: Kit, name: str) -> Routine:
    """The function of that name on encodings of binary64, rounded to nearest, with no flags.

    Raises:
        KeyError: There is none.
    """
    makers = _BINARY64_BINARY if name in BINARY else _BINARY64_UNARY
    rounded = kit.routine(makers[name])

    def unary(a: Any) -> Any:
        z, _ = rounded(a)
        return z

    def binary(a: Any, b: Any) -> Any:
        z, _ = rounded(a, b)
        return z

    return kit.target.routine(binary if name in BINARY else unary)


def first_phase(kit: Kit, name: str) -> Routine:
    """``quick(a) -> (settled, z)``: what settles most operands of the function of that name.

    Raises:
        KeyError: There is none, or no such function.
    """
    make = _quick_maker(kit, name)
    if make is None:
        raise KeyError(name)
    word, quick = kit.word, kit.of_long_words().routine(make)

    def narrowed(a: Any) -> Any:
        settled, z = quick(a)
        return settled, word(z)

    return kit.target.routine(narrowed)


def _quick_maker(kit: Kit, name: str) -> Maker | None:
    return quick_maker(name, kit.format) if _has_functions(kit) else None


def _has_functions(kit: Kit) -> bool:
    format = kit.format
    fits = format.precision <= _WIDEST_PRECISION and format.exponent_bits <= _WIDEST_EXPONENT
    return fits and kit.arithmetic.rounding is not Rounding.STOCHASTIC


def elementary_routine(kit: Kit, name: str) -> Routine:
    """The function of that name on encodings, with the flags it raises.

    The name may be that of a function without its first phase, ``"whole " + name``.

    Raises:
        KeyError: There is none for the format: its numbers are wider than binary32's, or rounded
            by chance.
    """
    if not _has_functions(kit):
        raise KeyError(name)
    if name in BINARY:
        return kit.target.routine(_narrowed_binary(kit, BINARY[name]))
    make, make_quick = UNARY[name.removeprefix(_WHOLE)], _quick_maker(kit, name)
    if make_quick is not None:
        make = quickened(make, make_quick)
    return kit.target.routine(_narrowed_unary(kit, make))


def _narrowed_unary(kit: Kit, make: Maker) -> Routine:
    word, routine = kit.word, kit.of_long_words().routine(make)

    def unary(a: Any) -> Any:
        z, flags = routine(a)
        return word(z), word(flags)

    return unary


def _narrowed_binary(kit: Kit, make: Maker) -> Routine:
    word, routine = kit.word, kit.of_long_words().routine(make)

    def binary(a: Any, b: Any) -> Any:
        z, flags = routine(a, b)
        return word(z), word(flags)

    return binary
