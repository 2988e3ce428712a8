"""Operations by integers: rounding to them, remainders, and exponents."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.protocol import Routine
from numlean_kernels.tapered.builder import WORD_BITS, Maker, TaperedBuilder
from numlean_kernels.tapered.codes import (
    LEAD,
    make_magnitude,
    make_pack,
    make_shift_right_jam,
    make_unpack,
)
from numlean_kernels.tapered.convert import make_from_int64
from numlean_kernels.tapered.formats import WIDEST

WHOLE: Final = WIDEST
"""The exponent from which on every number is an integer."""

_MOST_SCALING: Final = 2048
"""Scaling by this power of two, or a greater one, takes every number out of the range."""


@cache
def _whole(rounding: Rounding) -> Maker:
    """Return the maker of ``whole(negative, e, sig)``: a magnitude rounded to an integer.

    The exponent is below ``WHOLE``.
    """

    def make(builder: TaperedBuilder) -> Routine:
        word, signed = builder.word, builder.signed
        shift_right_jam = builder.routine(make_shift_right_jam)
        # Two bits stay below the integer: a half, and a sticky one.
        places, zero_exp = signed(LEAD - 2), signed(0)
        zero, one, two, three = word(0), word(1), word(2), word(3)
        to_even, away = rounding is Rounding.TIES_TO_EVEN, rounding is Rounding.TIES_TO_AWAY
        positive = rounding is Rounding.TOWARD_POSITIVE
        always = rounding is Rounding.AWAY_FROM_ZERO
        toward_negative, to_odd = (
            rounding is Rounding.TOWARD_NEGATIVE,
            rounding is Rounding.TO_ODD,
        )

        def whole(negative: Any, e: Any, sig: Any) -> Any:
            shift = signed(places - e)
            t = shift_right_jam(sig, word(shift if shift > zero_exp else zero_exp))
            n, rest = word(t >> two), word(t & three)
            is_odd = word(n & one) != zero
            nearest = (to_even | away) & ((rest > two) | ((rest == two) & (away | is_odd)))
            directed = (positive & (not negative)) | (toward_negative & negative)
            up = nearest | ((directed | always | (to_odd & (not is_odd))) & (rest != zero))
            return word(n + one) if up else n

        return whole

    return make


@cache
def round_to_integral(rounding: Rounding) -> Maker:
    """Return the maker of ``round_to_integral(a)`` in a direction; the integer is rounded again.

    An integer of more bits than the format has near it is rounded to nearest.
    """

    def make(builder: TaperedBuilder) -> Routine:
        word, signed, clz = builder.word, builder.signed, builder.clz
        magnitude, unpack = builder.routine(make_magnitude), builder.routine(make_unpack)
        whole, pack = builder.routine(_whole(rounding)), builder.routine(make_pack)
        nar, zero, one = word(builder.format.nar), word(0), word(1)
        limit, top = signed(WHOLE), signed(WORD_BITS - 1)

        def round_to_integral(a: Any) -> Any:
            a = word(a)
            e, sig = unpack(magnitude(a))
            negative = (a & nar) != zero
            n = whole(negative, e if e < limit else signed(0), sig)
            zeros = word(clz(n if n != zero else one))
            z = pack(negative, signed(top - signed(zeros)), word(n << word(zeros - one)))
            z = zero if n == zero else z
            return a if (a == nar) | (e >= limit) else z

        return round_to_integral

    return make


@cache
def to_int(width: int, rounding: Rounding) -> Maker:
    """Return the maker of ``to_int(a)``: a rounded to an integer of ``width`` bits.

    A number beyond the range gives the nearest limit, NaR gives 0.
    """

    def make(builder: TaperedBuilder) -> Routine:
        word, signed, signed_long = builder.word, builder.signed, builder.target.signed(64)
        magnitude, unpack = builder.routine(make_magnitude), builder.routine(make_unpack)
        whole, nar, zero = (
            builder.routine(_whole(rounding)),
            word(builder.format.nar),
            word(0),
        )
        limit, lead, zero_exp, zero_long = signed(WHOLE), signed(LEAD), signed(0), signed_long(0)
        most, least = word((1 << (width - 1)) - 1), word(1 << (width - 1))

        def to_int(a: Any) -> Any:
            a = word(a)
            e, sig = unpack(magnitude(a))
            negative = (a & nar) != zero
            rounded = whole(negative, e if e < limit else zero_exp, sig)
            places = signed(lead - e)
            exact = word(sig >> word(places if places > zero_exp else zero_exp))
            count = rounded if e < limit else exact
            end = least if negative else most
            count = end if (e > lead) | (count > end) else count
            n = signed_long(zero_long - signed_long(count)) if negative else signed_long(count)
            return zero_long if a == nar else n

        return to_int

    return make


def make_rem(builder: TaperedBuilder) -> Routine:
    """Return ``rem(a, b)``: a - b * n, n the integer nearest a / b, ties to even, rounded once.

    NaR operands and a zero b give NaR. Long division, one bit per step, keeps the remainder in
    [0, divisor) and the last bit of the quotient. Units are half the last place of b.
    """
    word, signed, clz = builder.word, builder.signed, builder.clz
    magnitude, unpack = builder.routine(make_magnitude), builder.routine(make_unpack)
    pack, zero, one = builder.routine(make_pack), word(0), word(1)
    nar, drop = word(builder.format.nar), word(LEAD - WIDEST)
    unit, none = signed(WORD_BITS - 2 - WIDEST), signed(-2)

    def rem(a: Any, b: Any) -> Any:
        a, b = word(a), word(b)
        e_a, sig_a = unpack(magnitude(a))
        e_b, sig_b = unpack(magnitude(b))
        divides = (a != zero) & (a != nar) & (b != zero) & (b != nar)
        steps = signed(e_a - e_b) if divides else none
        divisor = word(word(sig_b >> drop) << one)
        remainder = word(sig_a >> drop)
        odd = zero
        for _ in range(steps + 1):
            remainder = word(remainder << one)
            odd = one if remainder >= divisor else zero
            remainder = word(remainder - (divisor if odd != zero else zero))
        twice = word(remainder << one)
        beyond = (twice > divisor) | ((twice == divisor) & (odd != zero))
        within = divides & (steps >= signed(-1))
        sig = word(divisor - remainder) if beyond else remainder
        sig = sig if within else zero
        zeros = word(clz(sig if sig != zero else one))
        negative = ((a & nar) != zero) != beyond
        z = pack(negative, signed(e_b + unit - signed(zeros)), word(sig << word(zeros - one)))
        z = zero if sig == zero else z
        z = z if within else a
        return nar if (a == nar) | (b == nar) | (b == zero) else z

    return rem


def make_scaleb(builder: TaperedBuilder) -> Routine:
    """Return ``scaleb(a, n)``: a * 2**n for an integer n, rounded once; zero and NaR remain."""
    word, signed = builder.word, builder.signed
    magnitude, unpack = builder.routine(make_magnitude), builder.routine(make_unpack)
    pack, nar, zero = builder.routine(make_pack), word(builder.format.nar), word(0)

    def scaleb(a: Any, n: Any) -> Any:
        a = word(a)
        e, sig = unpack(magnitude(a))
        shift = signed(_MOST_SCALING if n > _MOST_SCALING else max(n, -_MOST_SCALING))
        z = pack((a & nar) != zero, signed(e + shift), sig)
        return a if (a == zero) | (a == nar) else z

    return scaleb


def make_logb(builder: TaperedBuilder) -> Routine:
    """Return ``logb(a)``: the exponent of a as a number, rounded once; NaR for zero and NaR."""
    word, signed_long = builder.word, builder.target.signed(64)
    magnitude, unpack = builder.routine(make_magnitude), builder.routine(make_unpack)
    from_int64, nar, zero = (
        builder.routine(make_from_int64),
        word(builder.format.nar),
        word(0),
    )

    def logb(a: Any) -> Any:
        a = word(a)
        e, _ = unpack(magnitude(a))
        return nar if (a == zero) | (a == nar) else from_int64(signed_long(e))

    return logb
