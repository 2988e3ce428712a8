"""The fast phase of functions that level off: tanh, erf and sigmoid.

Each is a polynomial of :mod:`.piecewise_polynomial`, which is off by less than 9 * 2**22 units by
rounding, and by less than 2**24 by interpolation, as shown below. In sum that is below 2**26 units;
after v is normalised, below 2**27.

**tanh and erf.** A piece is 1/64 of a binade, which begins with 2**k. The scale of tanh is 2**k or,
if that is less, 1/2; that of erf, which begins as 1.128*x, has 2**(k + 1) in place of 2**k. Fifth
derivatives f are below 26, so interpolation is off by 2**(5*k - 30) * f / 61440, below 2**-44 of
the scale, for k < 0. From 1 on f is below 5.6 for tanh and 8.4 for erf, from 2 on below 0.58 and
1.6, from 4 on for tanh below 0.022, and from 8 on below 2**-15: there it is off by less than 2**-39
of the scale 1/2. Before the first piece tanh, which is between x - 2**-25 * x and x, is replaced by
their middle, since no rounding boundary lies between; erf is replaced by 2/sqrt(pi) * x, which
exceeds it by less than 2**-41.

**sigmoid.** A piece is 1/32 wide. The fifth derivative, g*(1 - g)*(1 - 30*g + 150*g**2 - 240*g**3 +
120*g**4) of g = sigmoid(x), is below g, so interpolation is off by less than 2**-40.9 of the value,
2**-39.9 of the scale. Numbers below 2**-28 are replaced by numbers of that exponent: between 1/2
and their sigmoids, which are nearer to it than 2**-29, lies no rounding boundary.

**Above 1 - 2**-25** each is replaced by 1 - 2**-26: between that and one lies no rounding boundary.
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
    kept_polynomials,
    piecewise,
)
from numlean_kernels.elementary.rounding_test import DIGITS, make_digits, make_rounding_test
from numlean_kernels.formats import Format
from numlean_kernels.ieee.routine_builder import Maker, RoutineBuilder
from numlean_kernels.protocol import Routine

_ERROR_BOUND: Final = 1 << 27
_LEVEL_BITS: Final = 25

_INDEX_BITS: Final = 6
"""Digits below the leading one that select a piece of tanh or erf."""
_T_BITS: Final = DIGITS - 1 - _INDEX_BITS

_LEAST: Final = -28
"""Numbers of lower exponents are replaced by numbers of this one: no rounding boundary lies between
1/2 and their sigmoids."""
_REACH: Final = 5
"""Sigmoids are certain for numbers above -(2**5) at most."""
_WIDTH_BITS: Final = 5
_X_BITS: Final = 57


@dataclass(frozen=True)
class Odd:
    """An odd function that rises to one.

    Attributes:
        name: Its name, also in mpmath.
        least: Below 2**least it is replaced by a multiple of its operand.
        factor: Returns the multiple, given mpmath's context.
        growth: Its scale from 2**k on is 2**(k + growth), or 1/2 if that is less.
    """

    name: str
    least: int
    factor: Callable[[Any], Real]
    growth: int


TANH: Final = Odd("tanh", -12, lambda mp: 1 - mp.ldexp(1, -_LEVEL_BITS - 1), growth=0)
ERF: Final = Odd("erf", -20, lambda mp: 2 / mp.sqrt(mp.pi), growth=1)


@cache
def fast_odd(function: Odd) -> Maker:
    """Return the maker of ``fast(a) -> (certain, z)``: an odd function."""

    def make(builder: RoutineBuilder) -> Routine:
        word, signed, format = builder.word, builder.signed, builder.format
        rounding_test, digits = builder.routine(make_rounding_test), builder.routine(make_digits)
        value = builder.routine(piecewise(odd_polynomials(function), _T_BITS))
        magnitude_mask, sign_mask = builder.words("magnitude_mask", "sign_mask")
        # Results for at least twice the smallest normal number are normal.
        lowest = word(2 * format.implicit_bit)
        numbers = word(format.max_finite + 1 - 2 * format.implicit_bit)
        growth, below, first = signed(function.growth), signed(-1), signed(function.least - 1)
        index_bits, index_mask = word(_INDEX_BITS), word((1 << _INDEX_BITS) - 1)
        t_bits, t_mask = word(_T_BITS), word((1 << _T_BITS) - 1)
        error_bound, top, one = word(_ERROR_BOUND), word(63), word(1)

        def fast(a: Any) -> Any:
            within = word(word(a & magnitude_mask) - lowest) < numbers
            e, d = digits(a)
            binade = word(signed((e if e > first else first) - first))
            index = word(word(binade << index_bits) + word(word(d >> t_bits) & index_mask))
            _, v = value(index, word(d & t_mask))
            scale = signed(e + growth)
            zeros = word(word(v >> top) ^ one)
            certain, z = rounding_test(
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
    """Return the polynomials from the binade before 2**least on, in order; the last is level."""
    return kept_polynomials(function.name, lambda: list(_odd_pieces(function)))


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
"""The value between 1 - 2**-25 and 1."""


def make_fast_sigmoid(builder: RoutineBuilder) -> Routine:
    """Return ``fast(a) -> (certain, z)``: sigmoid."""
    word, signed, format = builder.word, builder.signed, builder.format
    rounding_test, digits = builder.routine(make_rounding_test), builder.routine(make_digits)
    value = builder.routine(piecewise(sigmoid_polynomials(), SPLIT))
    magnitude_mask, sign_mask = builder.words("magnitude_mask", "sign_mask")
    beyond = _reach(format) + format.bias << format.trailing_bits
    lowest, negatives = word(format.implicit_bit), word(beyond - format.implicit_bit)
    positives = word(format.max_finite + 1 - format.implicit_bit)
    least = signed(_LEAST)
    # In units of 2**-57, from -32 on; numbers above 32 are replaced by numbers near it.
    reach, up, lift = signed(_REACH), signed(_X_BITS - (DIGITS - 1)), word(1 << (_X_BITS + _REACH))
    to_index, to_t = word(_X_BITS - _WIDTH_BITS), word(_X_BITS - _WIDTH_BITS - SPLIT)
    t_mask = word((1 << SPLIT) - 1)
    error_bound, top, one, zero = word(_ERROR_BOUND), word(63), word(1), word(0)

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
        certain, z = rounding_test(zero, e, word(v << zeros), error_bound)
        return within & certain, z

    return fast


def _reach(format: Format) -> int:
    """Return the largest r such that sigmoids of numbers above -(2**r) are normal numbers."""
    return min(math.floor(math.log2((-format.emin - 1) * math.log(2))), _REACH)


@cache
def sigmoid_polynomials() -> Polynomials:
    """Return the polynomials from -(2**5) on, in order; the last is level."""
    return kept_polynomials("sigmoid", lambda: list(_sigmoid_pieces()))


def _sigmoid_pieces() -> Iterator[Piece]:
    mp = context()
    start, width = -mp.ldexp(1, _REACH), mp.ldexp(1, -_WIDTH_BITS)
    while not _is_level(_sigmoid(start)):
        yield Piece(_sigmoid, start, width, _scale_below(_sigmoid(start + width)))
        start += width
    yield _LEVEL


def _scale_below(value: Real) -> int:
    """Return the exponent of the least power of two that is not below half of a value."""
    significand, e = context().frexp(value)
    return int(e) - (2 if significand == context().mpf(0.5) else 1)


def _sigmoid(x: Real) -> Real:
    return 1 / (1 + context().exp(-x))
