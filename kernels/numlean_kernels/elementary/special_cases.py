"""The values of elementary functions at special operands (clause 9.2.1), for every width.

A function consists of a *core*, which computes its outcome at finite nonzero operands, and of the
outcomes at zeros and infinities, which do not depend on the width. So the functions up to binary32
and those of binary64 have cores of their own and share this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from numlean_kernels.elementary.constants import context, units
from numlean_kernels.elementary.extended_floats import ONE
from numlean_kernels.elementary.outcome import (
    EXACT,
    INFINITE,
    INFINITE_OPERAND,
    NUMBER,
    POLE,
    ROUNDED,
    UNDEFINED,
    ZERO,
    ZERO_OPERAND,
    SpecialCase,
    SpecialCases,
    binary_function,
    unary_function,
)
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_PLUS_ZERO: Final = SpecialCase(ZERO)
_SIGNED_ZERO: Final = SpecialCase(ZERO, copies_sign=True)
_ONE: Final = SpecialCase(EXACT)
_MINUS_ONE: Final = SpecialCase(EXACT, negative=True)
_SIGNED_ONE: Final = SpecialCase(EXACT, copies_sign=True)
_HALF: Final = SpecialCase(EXACT, e=-1)
_INFINITY: Final = SpecialCase(INFINITE)
_SIGNED_INFINITY: Final = SpecialCase(INFINITE, copies_sign=True)
_NEGATIVE_POLE: Final = SpecialCase(POLE, negative=True)
_SIGNED_POLE: Final = SpecialCase(POLE, copies_sign=True)
_UNDEFINED: Final = SpecialCase(UNDEFINED)
_LOG_TWO: Final = SpecialCase(ROUNDED, e=-1, m=lambda: units(context().ln(2), 64))
_RIGHT_ANGLE: Final = SpecialCase(ROUNDED, m=lambda: units(context().pi / 2, 63))
_SIGNED_RIGHT_ANGLE: Final = SpecialCase(
    ROUNDED, copies_sign=True, m=lambda: units(context().pi / 2, 63)
)

UNARY_CASES: Final[dict[str, SpecialCases]] = {
    # name: at zeros, at +infinity, at -infinity
    "exp": SpecialCases(_ONE, _INFINITY, _PLUS_ZERO),
    "exp2": SpecialCases(_ONE, _INFINITY, _PLUS_ZERO),
    "exp10": SpecialCases(_ONE, _INFINITY, _PLUS_ZERO),
    "expm1": SpecialCases(_SIGNED_ZERO, _INFINITY, _MINUS_ONE),
    "sinh": SpecialCases(_SIGNED_ZERO, _SIGNED_INFINITY, _SIGNED_INFINITY),
    "cosh": SpecialCases(_ONE, _INFINITY, _INFINITY),
    "tanh": SpecialCases(_SIGNED_ZERO, _SIGNED_ONE, _SIGNED_ONE),
    "sigmoid": SpecialCases(_HALF, _ONE, _PLUS_ZERO),
    "log": SpecialCases(_NEGATIVE_POLE, _INFINITY, _UNDEFINED),
    "log2": SpecialCases(_NEGATIVE_POLE, _INFINITY, _UNDEFINED),
    "log10": SpecialCases(_NEGATIVE_POLE, _INFINITY, _UNDEFINED),
    "log1p": SpecialCases(_SIGNED_ZERO, _INFINITY, _UNDEFINED),
    "softplus": SpecialCases(_LOG_TWO, _INFINITY, _PLUS_ZERO),
    "asinh": SpecialCases(_SIGNED_ZERO, _SIGNED_INFINITY, _SIGNED_INFINITY),
    "acosh": SpecialCases(_UNDEFINED, _INFINITY, _UNDEFINED),
    "atanh": SpecialCases(_SIGNED_ZERO, _UNDEFINED, _UNDEFINED),
    "sin": SpecialCases(_SIGNED_ZERO, _UNDEFINED, _UNDEFINED),
    "cos": SpecialCases(_ONE, _UNDEFINED, _UNDEFINED),
    "tan": SpecialCases(_SIGNED_ZERO, _UNDEFINED, _UNDEFINED),
    "atan": SpecialCases(_SIGNED_ZERO, _SIGNED_RIGHT_ANGLE, _SIGNED_RIGHT_ANGLE),
    "asin": SpecialCases(_SIGNED_ZERO, _UNDEFINED, _UNDEFINED),
    "acos": SpecialCases(_RIGHT_ANGLE, _UNDEFINED, _UNDEFINED),
    "cbrt": SpecialCases(_SIGNED_ZERO, _SIGNED_INFINITY, _SIGNED_INFINITY),
    "rsqrt": SpecialCases(_SIGNED_POLE, _PLUS_ZERO, _UNDEFINED),
    "erf": SpecialCases(_SIGNED_ZERO, _SIGNED_ONE, _SIGNED_ONE),
}
"""The special cases of functions of one operand."""


def unary_functions(cores: Mapping[str, Maker]) -> dict[str, Maker]:
    """Return the makers of ``f(a) -> (z, flags)``, of the cores of functions of one operand."""
    return {
        name: unary_function(core, UNARY_CASES[name])
        for name, core in cores.items()
        if name in UNARY_CASES
    }


def binary_functions(cores: Mapping[str, Maker]) -> dict[str, Maker]:
    """Return the makers of ``f(a, b) -> (z, flags)``, of the cores of functions of two operands.

    The cores are ``power(ea, ma, is_negative, eb, mb) -> (kind, e, m)`` for ``pow``: a to the power
    +-b, of a positive number that is not one; ``hypotenuse(e, m, f, n) -> (kind, e, m)`` for
    ``hypot``, of two numbers of which the first is at least the second; and
    ``angle(ey, my, ex, mx, is_left) -> (e, m)`` for ``atan2``: that of the point (+-x, y), y > 0.
    """
    return {
        name: binary_function(partial(make, cores[name]), ignores_nan)
        for name, (make, ignores_nan) in _BINARY_CASES.items()
        if name in cores
    }


def _make_pow(core: Maker, builder: RoutineBuilder) -> Routine:
    signed, half = builder.signed, builder.word(ONE)
    parity, power = builder.routine(_make_parity), builder.routine(core)
    zero = signed(0)

    def outcome(
        kind_a: Any, minus_a: Any, ea: Any, ma: Any, kind_b: Any, minus_b: Any, eb: Any, mb: Any
    ) -> Any:
        is_unit = (kind_a == NUMBER) & (ea == zero) & (ma == half)
        if (kind_b == ZERO_OPERAND) | (is_unit & (not minus_a)):
            return EXACT, False, zero, half
        if kind_b == INFINITE_OPERAND:
            if is_unit:
                return EXACT, False, zero, half
            grows = (kind_a == INFINITE_OPERAND) | ((kind_a == NUMBER) & (ea >= zero))
            return (INFINITE if grows != minus_b else ZERO), False, zero, half
        is_integer, is_odd = parity(eb, mb)
        negative = minus_a & is_odd
        if kind_a == ZERO_OPERAND:
            return (POLE if minus_b else ZERO), negative, zero, half
        if kind_a == INFINITE_OPERAND:
            return (ZERO if minus_b else INFINITE), negative, zero, half
        if minus_a & (not is_integer):
            return UNDEFINED, False, zero, half
        if is_unit:
            return EXACT, negative, zero, half
        kind, e, m = power(ea, ma, minus_b, eb, mb)
        return kind, negative, e, m

    return outcome


def _make_parity(builder: RoutineBuilder) -> Routine:
    """Return ``parity(e, m) -> (is_integer, is_odd)`` of a real."""
    word, signed = builder.word, builder.signed
    zero, widest, one, zero_word = signed(0), signed(63), word(1), word(0)

    def parity(e: Any, m: Any) -> Any:
        if (e < zero) | (e > widest):
            return e > widest, False
        fraction = word(word(m << one) << word(e)) if e < widest else zero_word
        is_integer = fraction == zero_word
        return is_integer, is_integer & (word(word(m >> word(signed(widest - e))) & one) != 0)

    return parity


def _make_pow_ignores_nan(builder: RoutineBuilder) -> Routine:
    """Return whether the power is 1 whatever the other operand: 1**b and a**0."""
    half, zero = builder.word(ONE), builder.signed(0)

    def ignores_nan(
        kind_a: Any, minus_a: Any, ea: Any, ma: Any, kind_b: Any, minus_b: Any, eb: Any, mb: Any
    ) -> Any:
        is_one = (kind_a == NUMBER) & (not minus_a) & (ea == zero) & (ma == half)
        return is_one | (kind_b == ZERO_OPERAND)

    return ignores_nan


def _make_hypot(core: Maker, builder: RoutineBuilder) -> Routine:
    hypotenuse, half, zero = builder.routine(core), builder.word(ONE), builder.signed(0)

    def outcome(
        kind_a: Any, minus_a: Any, ea: Any, ma: Any, kind_b: Any, minus_b: Any, eb: Any, mb: Any
    ) -> Any:
        if (kind_a == INFINITE_OPERAND) | (kind_b == INFINITE_OPERAND):
            return INFINITE, False, zero, half
        if (kind_a == ZERO_OPERAND) & (kind_b == ZERO_OPERAND):
            return ZERO, False, zero, half
        if kind_a == ZERO_OPERAND:
            return EXACT, False, eb, mb
        if kind_b == ZERO_OPERAND:
            return EXACT, False, ea, ma
        if (ea > eb) | ((ea == eb) & (ma >= mb)):
            kind, e, m = hypotenuse(ea, ma, eb, mb)
        else:
            kind, e, m = hypotenuse(eb, mb, ea, ma)
        return kind, False, e, m

    return outcome


def _make_hypot_ignores_nan(builder: RoutineBuilder) -> Routine:
    """Return whether the hypotenuse is infinite whatever the other leg."""

    def ignores_nan(
        kind_a: Any, minus_a: Any, ea: Any, ma: Any, kind_b: Any, minus_b: Any, eb: Any, mb: Any
    ) -> Any:
        return (kind_a == INFINITE_OPERAND) | (kind_b == INFINITE_OPERAND)

    return ignores_nan


def _make_atan2(core: Maker, builder: RoutineBuilder) -> Routine:
    """Return the outcome at (y, x).

    A point with two infinite coordinates has the angle of (+-1, +-1). Zero is to any nonzero number
    as any number is to infinity.
    """
    signed, half, angle = builder.signed, builder.word(ONE), builder.routine(core)
    pi_half, pi_high = builder.word(units(context().pi / 2, 63)), signed(1)
    zero = signed(0)

    def outcome(
        kind_y: Any, minus_y: Any, ey: Any, my: Any, kind_x: Any, minus_x: Any, ex: Any, mx: Any
    ) -> Any:
        if (kind_y == NUMBER) & (kind_x == NUMBER):
            e, m = angle(ey, my, ex, mx, minus_x)
            return ROUNDED, minus_y, e, m
        if (kind_y == INFINITE_OPERAND) & (kind_x == INFINITE_OPERAND):
            e, m = angle(zero, half, zero, half, minus_x)
            return ROUNDED, minus_y, e, m
        if (kind_y == ZERO_OPERAND) | (kind_x == INFINITE_OPERAND):
            return (ROUNDED if minus_x else ZERO), minus_y, pi_high, pi_half
        return ROUNDED, minus_y, zero, pi_half

    return outcome


def _make_never_ignores_nan(builder: RoutineBuilder) -> Routine:
    def ignores_nan(
        kind_a: Any, minus_a: Any, ea: Any, ma: Any, kind_b: Any, minus_b: Any, eb: Any, mb: Any
    ) -> Any:
        return False

    return ignores_nan


_BINARY_CASES: Final[dict[str, tuple[Callable[[Maker, RoutineBuilder], Routine], Maker]]] = {
    "pow": (_make_pow, _make_pow_ignores_nan),
    "hypot": (_make_hypot, _make_hypot_ignores_nan),
    "atan2": (_make_atan2, _make_never_ignores_nan),
}
"""The makers of the outcome, given a core, and of whether a NaN does not matter."""
