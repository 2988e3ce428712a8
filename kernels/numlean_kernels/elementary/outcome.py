"""What a function's value is, and its one rounding into the format.

An *outcome* is a tuple (kind, negative, e, m). Its kind is one of the integers below; e and m are a
real (:mod:`.reals`), of use where the kind is ``ROUNDED`` or ``EXACT``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from numlean_kernels.elementary.extended_floats import ONE
from numlean_kernels.flags import DIVIDE_BY_ZERO, INVALID
from numlean_kernels.ieee.fields import make_read_operand, make_unpack
from numlean_kernels.ieee.nan import default_nan, make_is_signalling, make_propagate
from numlean_kernels.ieee.round_pack import make_round_pack
from numlean_kernels.ieee.rounding import make_infinite
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

ROUNDED: Final = 0
"""Not a number of the format: somewhat more than the real, in magnitude, but by less than a unit.

A real somewhat in error stands for the exact value as long as no point where rounding turns lies
between the two.
"""
EXACT: Final = 1
"""The real itself."""
ZERO: Final = 2
INFINITE: Final = 3
"""An infinity that is exact."""
POLE: Final = 4
"""An infinity that a finite operand gives (clause 7.3)."""
UNDEFINED: Final = 5
"""No value: the operation is invalid (clause 7.2)."""


@dataclass(frozen=True)
class Special:
    """The outcome at an operand that no routine is asked for.

    Attributes:
        kind: What the value is.
        negative: Its sign.
        follows: Whether it has the operand's sign instead.
        e: Exponent of the real.
        m: Significand of the real.
    """

    kind: int
    negative: bool = False
    copies_sign: bool = False
    e: int = 0
    m: int = ONE


SpecialCase: TypeAlias = Special | Callable[[], Special]
"""A special outcome, or what computes it."""


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
        z, flags = round_pack(sign, signed(e + bias), word(word(m >> one) | sticky), zero)
        if kind > EXACT:
            z = sign if kind == ZERO else (nan if kind == UNDEFINED else infinite(sign))
            flags = invalid_flag if kind == UNDEFINED else (pole_flag if kind == POLE else zero)
        return z, flags

    return finish


def function(
    core: Maker, zero: SpecialCase, infinity: SpecialCase, minus_infinity: SpecialCase | None = None
) -> Maker:
    """The maker of a function of one operand: ``f(a) -> (z, flags)``.

    Args:
        core: Makes ``core(negative, e, m)``, the outcome at a finite nonzero operand, as a real.
        zero: The outcome at zeros.
        infinity: At infinity.
        minus_infinity: At the negative one; the same as at infinity, if nothing is said.
    """

    def make(builder: RoutineBuilder) -> Routine:
        word, signed = builder.word, builder.signed
        read_operand, unpack = builder.routine(make_read_operand), builder.routine(make_unpack)
        finish, value = builder.routine(make_finish), builder.routine(core)
        propagate, is_signalling = (
            builder.routine(make_propagate),
            builder.routine(make_is_signalling),
        )
        at_zero, at_infinity = builder.routine(_special(zero)), builder.routine(_special(infinity))
        at_minus_infinity = builder.routine(_special(minus_infinity or infinity))
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


def _special(given: SpecialCase) -> Maker:
    def make(builder: RoutineBuilder) -> Routine:
        special = given if isinstance(given, Special) else given()
        kind, copies_sign, is_negative = special.kind, special.copies_sign, special.negative
        e, m = builder.signed(special.e), builder.word(special.m)

        def outcome(negative: Any) -> Any:
            return kind, (negative if copies_sign else is_negative), e, m

        return outcome

    return make


NUMBER: Final = 0
"""An operand that is finite and not zero; only then its real means something."""
ZERO_OPERAND: Final = 1
INFINITE_OPERAND: Final = 2
NAN: Final = 3


def function_of_two(core: Maker, ignores_nan: Maker) -> Maker:
    """The maker of a function of two operands: ``f(a, b) -> (z, flags)``.

    Args:
        core: Makes ``core(kind, negative, e, m, kind, negative, e, m)``, the outcome at two
            operands, each given by one of the kinds above, a sign and a real.
        ignores_nan: Makes a predicate of the same arguments: whether a quiet NaN among them does
            not matter (clause 9.2.1); then the core gets it.
    """

    def make(builder: RoutineBuilder) -> Routine:
        word, taken, value = builder.word, builder.routine(_make_taken), builder.routine(core)
        read_operand, finish = builder.routine(make_read_operand), builder.routine(make_finish)
        ignores = builder.routine(ignores_nan)
        propagate, is_signalling = (
            builder.routine(make_propagate),
            builder.routine(make_is_signalling),
        )
        no_flag, invalid_flag = word(0), word(INVALID)

        def f(a: Any, b: Any) -> Any:
            a, b = read_operand(a), read_operand(b)
            kind_a, negative_a, ea, ma = taken(a)
            kind_b, negative_b, eb, mb = taken(b)
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


def _make_taken(builder: RoutineBuilder) -> Routine:
    """``taken(a) -> (kind, negative, e, m)``: an operand's parts."""
    word, signed, unpack = builder.word, builder.signed, builder.routine(make_unpack)
    sign_mask, magnitude_mask, max_finite, max_number = builder.words(
        "sign_mask", "magnitude_mask", "max_finite", "max_number"
    )
    bias, one = signed(builder.format.bias), word(1)

    def taken(a: Any) -> Any:
        magnitude, negative = word(a & magnitude_mask), (a & sign_mask) != 0
        kind = NUMBER if magnitude != 0 else ZERO_OPERAND
        kind = (
            kind
            if magnitude <= max_finite
            else (INFINITE_OPERAND if magnitude <= max_number else NAN)
        )
        exp, m = unpack(magnitude if kind == NUMBER else one)
        return kind, negative, signed(exp - bias), m

    return taken
