"""The outcome of a function at its operands, and its one rounding into the format.

An *outcome* is a tuple (kind, negative, e, m). Its kind is one of the integers below; e and m are a
real (:mod:`.extended_floats`), used if the kind is ``ROUNDED`` or ``EXACT``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from numlean_kernels.elementary.extended_floats import ONE
from numlean_kernels.flags import DIVIDE_BY_ZERO, INVALID
from numlean_kernels.ieee.fields import make_read_operand, make_unpack
from numlean_kernels.ieee.nan import default_nan, make_is_signalling, make_propagate
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_infinite
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

ROUNDED: Final = 0
"""Inexact: the exact magnitude lies strictly between m and m+1 units.

An approximation is good enough if no rounding boundary lies between it and the exact value.
"""
EXACT: Final = 1
"""The real itself."""
ZERO: Final = 2
"""An exact zero."""
INFINITE: Final = 3
"""An exact infinity."""
POLE: Final = 4
"""An infinity at a finite operand, which raises divide by zero (clause 7.3)."""
UNDEFINED: Final = 5
"""No value: the operation is invalid (clause 7.2)."""


@dataclass(frozen=True)
class SpecialCase:
    """The outcome at a special operand: a zero or an infinity.

    Attributes:
        kind: One of the kinds above.
        negative: The sign of the result.
        copies_sign: Whether the result has the sign of the operand instead.
        e: The exponent of the real.
        m: Computes the significand of the real, when a routine is made and not before.
    """

    kind: int
    negative: bool = False
    copies_sign: bool = False
    e: int = 0
    m: Callable[[], int] = lambda: ONE


@dataclass(frozen=True)
class SpecialCases:
    """The outcomes of a function of one operand at zeros and infinities.

    Attributes:
        zero: The outcome at either zero.
        infinity: The outcome at +infinity.
        minus_infinity: The outcome at -infinity.
    """

    zero: SpecialCase
    infinity: SpecialCase
    minus_infinity: SpecialCase


def make_finish(builder: RoutineBuilder) -> Routine:
    """Return ``finish(kind, negative, e, m) -> (z, flags)``: the outcome in the format."""
    word, signed = builder.word, builder.signed
    round_pack, infinite = builder.routine(make_round_pack), builder.routine(make_infinite)
    bias, one, zero = signed(builder.format.bias), word(1), word(0)
    (sign_mask,) = builder.words("sign_mask")
    nan = default_nan(builder)
    invalid_flag, pole_flag = word(INVALID), word(DIVIDE_BY_ZERO)

    def finish(kind: Any, negative: Any, e: Any, m: Any) -> Any:
        sign = sign_mask if negative else zero
        sticky = one if kind == ROUNDED else word(m & one)
        z, flags = round_pack(sign, signed(e + bias), word(word(m >> one) | sticky))
        if kind > EXACT:
            z = sign if kind == ZERO else (nan if kind == UNDEFINED else infinite(sign))
            flags = invalid_flag if kind == UNDEFINED else (pole_flag if kind == POLE else zero)
        return z, flags

    return finish


def unary_function(core: Maker, cases: SpecialCases) -> Maker:
    """Return the maker of a function of one operand: ``f(a) -> (z, flags)``.

    Args:
        core: Makes ``core(negative, e, m)``, the outcome at a finite nonzero operand, as a real.
        cases: The outcomes at zeros and infinities.
    """

    def make(builder: RoutineBuilder) -> Routine:
        word, signed = builder.word, builder.signed
        read_operand, unpack = builder.routine(make_read_operand), builder.routine(make_unpack)
        finish, value = builder.routine(make_finish), builder.routine(core)
        propagate, is_signalling = (
            builder.routine(make_propagate),
            builder.routine(make_is_signalling),
        )
        at_zero = builder.routine(_constant(cases.zero))
        at_infinity = builder.routine(_constant(cases.infinity))
        at_minus_infinity = builder.routine(_constant(cases.minus_infinity))
        sign_mask, magnitude_mask, max_finite, max_number = builder.words(
            "sign_mask", "magnitude_mask", "max_finite", "max_number"
        )
        bias = signed(builder.format.bias)
        no_flag, invalid_flag = word(0), word(INVALID)

        def f(a: Any) -> Any:
            a = read_operand(a)
            magnitude, negative = word(a & magnitude_mask), (a & sign_mask) != 0
            if magnitude > max_number:
                return propagate(a, a), (invalid_flag if is_signalling(a) else no_flag)
            if magnitude > max_finite:
                outcome = at_minus_infinity(negative) if negative else at_infinity(negative)
            elif magnitude == 0:
                outcome = at_zero(negative)
            else:
                exp, m = unpack(magnitude)
                outcome = value(negative, signed(exp - bias), m)
            return finish(*outcome)

        return f

    return make


def _constant(case: SpecialCase) -> Maker:
    def make(builder: RoutineBuilder) -> Routine:
        kind, copies_sign, is_negative = case.kind, case.copies_sign, case.negative
        e, m = builder.signed(case.e), builder.word(case.m())

        def outcome(negative: Any) -> Any:
            return kind, (negative if copies_sign else is_negative), e, m

        return outcome

    return make


NUMBER: Final = 0
"""A finite nonzero operand; only then its real has a meaning."""
ZERO_OPERAND: Final = 1
"""A zero of either sign."""
INFINITE_OPERAND: Final = 2
"""An infinity of either sign."""
NAN: Final = 3
"""A quiet or signalling NaN."""


def binary_function(core: Maker, ignores_nan: Maker) -> Maker:
    """Return the maker of a function of two operands: ``f(a, b) -> (z, flags)``.

    Args:
        core: Makes ``core(kind, negative, e, m, kind, negative, e, m)``, the outcome at two
            operands, each given by one of the kinds above, a sign and a real.
        ignores_nan: Makes a predicate of the same arguments: whether the value is the same for
            every number in place of a quiet NaN (clause 9.2.1); then the core is called.
    """

    def make(builder: RoutineBuilder) -> Routine:
        word, unpack_operand, value = (
            builder.word,
            builder.routine(_make_unpack_operand),
            builder.routine(core),
        )
        read_operand, finish = builder.routine(make_read_operand), builder.routine(make_finish)
        ignores = builder.routine(ignores_nan)
        propagate, is_signalling = (
            builder.routine(make_propagate),
            builder.routine(make_is_signalling),
        )
        no_flag, invalid_flag = word(0), word(INVALID)

        def f(a: Any, b: Any) -> Any:
            a, b = read_operand(a), read_operand(b)
            kind_a, negative_a, ea, ma = unpack_operand(a)
            kind_b, negative_b, eb, mb = unpack_operand(b)
            if (kind_a == NAN) | (kind_b == NAN):
                signalling = is_signalling(a) | is_signalling(b)
                if signalling | (
                    not ignores(kind_a, negative_a, ea, ma, kind_b, negative_b, eb, mb)
                ):
                    return propagate(a, b), (invalid_flag if signalling else no_flag)
            outcome = value(kind_a, negative_a, ea, ma, kind_b, negative_b, eb, mb)
            return finish(*outcome)

        return f

    return make


def _make_unpack_operand(builder: RoutineBuilder) -> Routine:
    """Return ``unpack_operand(a) -> (kind, negative, e, m)``."""
    word, signed, unpack = builder.word, builder.signed, builder.routine(make_unpack)
    sign_mask, magnitude_mask, max_finite, max_number = builder.words(
        "sign_mask", "magnitude_mask", "max_finite", "max_number"
    )
    bias, one = signed(builder.format.bias), word(1)

    def unpack_operand(a: Any) -> Any:
        magnitude, negative = word(a & magnitude_mask), (a & sign_mask) != 0
        kind = NUMBER if magnitude != 0 else ZERO_OPERAND
        kind = (
            kind
            if magnitude <= max_finite
            else (INFINITE_OPERAND if magnitude <= max_number else NAN)
        )
        exp, m = unpack(magnitude if kind == NUMBER else one)
        return kind, negative, signed(exp - bias), m

    return unpack_operand
