"""A first phase of functions that level off: tanh, erf and sigmoid.

Each is a polynomial of :mod:`.pieces`, which is off by less than 9 * 2**22 units by rounding, and
by less than 2**24 by interpolation, as follows. In sum that is below 2**26 units; once v has its
leading one on top, below 2**27.

**tanh and erf.** A piece is 1/64 of a binade, which begins with 2**k. The scale of tanh is 2**k or,
where that is less, 1/2; that of erf, which begins as 1.128*x, has 2**(k + 1) in place of 2**k.
Fifth derivatives f are below 26, so that interpolation is off by 2**(5*k - 30) * f / 61440, below
2**-44 of the scale, where k < 0. From 1 on f is below 5.6 for tanh and 8.4 for erf, from 2 on below
0.58 and 1.6, from 4 on for tanh below 0.022, and from 8 on below 2**-15: then it is off by less
than 2**-39 of the scale 1/2. Before the first piece tanh, which is between x - 2**-25 * x and x, is
taken for what is halfway, for nowhere between may rounding turn; erf is taken for 2/sqrt(pi) * x,
of which it falls short by less than 2**-41.

**sigmoid.** A piece is 1/32 wide. The fifth derivative, g*(1 - g)*(1 - 30*g + 150*g**2 - 240*g**3 +
120*g**4) of g = sigmoid(x), is below g, so that interpolation is off by less than 2**-40.9 of the
value, 2**-39.9 of the scale. Numbers below 2**-28 count as ones from there on: between 1/2 and
their sigmoids, which are nearer to it than 2**-29, may no rounding turn.

**Above 1 - 2**-25** each is taken for 1 - 2**-26: nowhere between that and one may rounding turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any, Final

from numlean_kernels.elementary.constants import Real, context
from numlean_kernels.elementary.piecewise_polynomial import (
    SPLIT,
    Piece,
    Polynomials,
    piecewise,
    polynomials,
)
from numlean_kernels.elementary.rounding_test import DIGITS, make_digits, make_settle
from numlean_kernels.formats import Format
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_DOUBT: Final = 1 << 27
_LEVEL_BITS: Final = 25

_INDEX_BITS: Final = 6
"""Digits below the leading one that choose a piece of tanh or erf."""
_T_BITS: Final = DIGITS - 1 - _INDEX_BITS

_LEAST: Final = -28
"""Numbers of lower exponents count as ones of this: between 1/2 and their sigmoids may no rounding
turn."""
_REACH: Final = 5
"""They are settled of numbers above -(2**5), at most."""
_WIDTH_BITS: Final = 5
_X_BITS: Final = 57


@dataclass(frozen=True)
class Odd:
    """An odd function that rises to one.

    Attributes:
        name: Its name, which is mpmath's too.
        least: Below 2**least it is taken for a multiple of its operand.
        factor: Makes the multiple, from mpmath's context.
        growth: Its scale from 2**k on is 2**(k + growth), or 1/2 where that is less.
    """

    name: str
    least: int
    factor: Callable[[Any], Real]
    growth: int


TANH: Final = Odd("tanh", -12, lambda mp: 1 - mp.ldexp(1, -_LEVEL_BITS - 1), growth=0)
ERF: Final = Odd("erf", -20, lambda mp: 2 / mp.sqrt(mp.pi), growth=1)


@cache
def quick_odd(function: Odd) -> Maker:
    """The maker of ``quick(a) -> (settled, z)``: an odd function."""

    def make(builder: RoutineBuilder) -> Routine:
        word, signed, format = builder.word, builder.signed, builder.format
        settle, digits = builder.routine(make_settle), builder.routine(make_digits)
        value = builder.routine(piecewise(odd_polynomials(function), _T_BITS))
        magnitude_mask, sign_mask = builder.words("magnitude_mask", "sign_mask")
        # From twice the least normal number on results are normal.
        lowest = word(2 * format.implicit_bit)
        numbers = word(format.max_finite + 1 - 2 * format.implicit_bit)
        growth, below, first = signed(function.growth), signed(-1), signed(function.least - 1)
        index_bits, index_mask = word(_INDEX_BITS), word((1 << _INDEX_BITS) - 1)
        t_bits, t_mask = word(_T_BITS), word((1 << _T_BITS) - 1)
        error_bound, top, one = word(_DOUBT), word(63), word(1)

        def fast(a: Any) -> Any:
            within = word(word(a & magnitude_mask) - lowest) < numbers
            e, d = digits(a)
            binade = word(signed((e if e > first else first) - first))
            index = word(word(binade << index_bits) + word(word(d >> t_bits) & index_mask))
            _, v = value(index, word(d & t_mask))
            scale = signed(e + growth)
            zeros = word(word(v >> top) ^ one)
            certain, z = settle(
                word(a & sign_mask),
                signed((scale if scale < below else below) - signed(zeros)),
                word(v << zeros),
                error_bound,
            )
            return within & certain, z

        return fast

    return make


@cache
def odd_polynomials(function: Odd) -> Polynomials:
    """Those from the binade before 2**least on, in order; the last is level."""
    return polynomials(list(_odd_pieces(function)))


def _odd_pieces(function: Odd) -> Iterator[Piece]:
    mp = context()
    f, multiple = getattr(mp, function.name), function.factor(mp).__mul__
    for k in count(function.least - 1):
        scale, step = min(k + function.growth, -1), mp.ldexp(1, k - _INDEX_BITS)
        for i in range(1 << _INDEX_BITS):
            start = mp.ldexp(1, k) + i * step
            if _is_level(f(start)):
                yield _LEVEL
                return
            yield Piece(f if k >= function.least else multiple, start, step, scale)


def _is_level(value: Real) -> bool:
    return bool(1 - value < context().ldexp(1, -_LEVEL_BITS))


_LEVEL: Final = Piece(lambda x: 1 - context().ldexp(1, -_LEVEL_BITS - 1), 0, 0, -1)
"""What is between 1 - 2**-25 and 1."""


def make_quick_sigmoid(builder: RoutineBuilder) -> Routine:
    """Return ``quick(a) -> (settled, z)``: sigmoid."""
    word, signed, format = builder.word, builder.signed, builder.format
    settle, digits = builder.routine(make_settle), builder.routine(make_digits)
    value = builder.routine(piecewise(sigmoid_polynomials(), SPLIT))
    magnitude_mask, sign_mask = builder.words("magnitude_mask", "sign_mask")
    beyond = _reach(format) + format.bias << format.trailing_bits
    lowest, negatives = word(format.implicit_bit), word(beyond - format.implicit_bit)
    positives = word(format.max_finite + 1 - format.implicit_bit)
    least = signed(_LEAST)
    # In units of 2**-57, and from -32 on; what is greater than 32 counts as something near it.
    reach, up, lift = signed(_REACH), signed(_X_BITS - (DIGITS - 1)), word(1 << (_X_BITS + _REACH))
    to_index, to_t = word(_X_BITS - _WIDTH_BITS), word(_X_BITS - _WIDTH_BITS - SPLIT)
    t_mask = word((1 << SPLIT) - 1)
    error_bound, top, one, zero = word(_DOUBT), word(63), word(1), word(0)

    def fast(a: Any) -> Any:
        negative = word(a & sign_mask) != zero
        within = word(word(a & magnitude_mask) - lowest) < (negatives if negative else positives)
        e, d = digits(a)
        e = e if e > least else least
        x = word(d << word(signed((e if e < reach else reach) + up)))
        x = word(lift - x) if negative else word(lift + x)
        scale, v = value(word(x >> to_index), word(word(x >> to_t) & t_mask))
        zeros = word(word(v >> top) ^ one)
        e = signed(scale - signed(zeros))
        certain, z = settle(zero, e, word(v << zeros), error_bound)
        return within & certain, z

    return fast


def _reach(format: Format) -> int:
    """Sigmoids of what is above -(2**reach) are normal numbers."""
    return min(math.floor(math.log2((-format.emin - 1) * math.log(2))), _REACH)


@cache
def sigmoid_polynomials() -> Polynomials:
    """Those from -(2**5) on, in order; the last is level."""
    return polynomials(list(_sigmoid_pieces()))


def _sigmoid_pieces() -> Iterator[Piece]:
    mp = context()
    start, width = -mp.ldexp(1, _REACH), mp.ldexp(1, -_WIDTH_BITS)
    while not _is_level(_sigmoid(start)):
        yield Piece(_sigmoid, start, width, _scale_below(_sigmoid(start + width)))
        start += width
    yield _LEVEL


def _scale_below(value: Real) -> int:
    """The exponent of the least power of two that is not below half of a value."""
    mantissa, e = context().frexp(value)
    return int(e) - (2 if mantissa == context().mpf(0.5) else 1)


def _sigmoid(x: Real) -> Real:
    return 1 / (1 + context().exp(-x))
