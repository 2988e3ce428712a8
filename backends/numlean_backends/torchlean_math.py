"""The elementary functions of TorchLean's IEEE32Exec, for bit-compatibility with its runs.

They follow TorchLean's published algorithms step by step, and are not correctly rounded. Each
takes encodings of binary32, as Python integers, and gives one. NaN operands are returned quiet.

**Notation.** An integer *in units* counts units of 2**-48, and stands for a real number. ``rdiv``
divides rounding to nearest, ties to even, and so do the products and quotients made of it. Steps
described as *in binary32* use that format's own operations, each rounded once.

Source: TorchLean's module Exec32 (2026), whose functions these are: exp, log, tanh, sinh, cosh,
sin, cos and pow. It has no others; where a Scalar has more, they are correctly rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from math import factorial
from typing import Final

from numlean_kernels.formats import BINARY32
from numlean_kernels.ieee import Arithmetic
from numlean_kernels.protocol import Routine
from numlean_kernels.tables.exact import decode, encoder
from numlean_kernels.tables.ieee import ieee_table
from numlean_kernels.targets.python import PYTHON

ARITHMETIC: Final = Arithmetic(BINARY32)
"""The only one in which TorchLean computes."""

_TABLE: Final = ieee_table(ARITHMETIC, PYTHON)
_add, _sub, _mul, _div, _neg, _abs, _lt = (
    _TABLE[name] for name in ("add", "sub", "mul", "div", "neg", "abs", "lt")
)
_pack: Final = encoder(ARITHMETIC)

_SIGN: Final = BINARY32.sign_mask
_INFINITY: Final = BINARY32.infinity
_NAN: Final = BINARY32.default_nan


def _of_integer(n: int) -> int:
    return _pack(n < 0, abs(n), 0)


_ZERO: Final = 0
_HALF: Final = _pack(0, 1, -1)
_ONE, _TWO, _SIX, _HUNDRED_AND_TWENTY = map(_of_integer, (1, 2, 6, 120))

_SCALE: Final = 48
_UNIT: Final = 1 << _SCALE
_LOG_TWO: Final = 195103586505167
_RECIPROCAL_OF_LOG_TWO: Final = 406082553034800
_POWER_OF_TWO: Final = (
    *(1985781, 28648765, 371982884, 4293262892, 43357083587, 375306296874),
    *(2707262666570, 15623017693776, 67617750451595, 195103586505167, 281474976710656),
)
"""Coefficients of 2**f, in units, that of f**10 first."""

# Taylor's, times 13! and 12!, the constant first.
_SINE: Final = tuple((-1) ** i * factorial(13) // factorial(2 * i + 1) for i in range(7))
_COSINE: Final = tuple((-1) ** i * factorial(12) // factorial(2 * i) for i in range(7))

_LAST_OF_LOG: Final = 15
_GREATEST_PRODUCT: Final = 256
"""The greatest magnitude of an exponent for which a power is a product."""


def _rdiv(n: int, d: int) -> int:
    q, r = divmod(n, d)
    return q + (2 * r > d or (2 * r == d and q % 2 == 1))


def _times(a: int, b: int) -> int:
    return _rdiv(a * b, _UNIT)


def _over(a: int, b: int) -> int:
    return _rdiv(a * _UNIT, b)


def _in_units(negative: bool, m: int, e: int) -> int:
    """Return the number m * 2**e of that sign, rounded to units."""
    signed, shift = -m if negative else m, e + _SCALE
    return signed << shift if shift >= 0 else _rdiv(signed, 1 << -shift)


def _is_nan(a: int) -> bool:
    return (a & BINARY32.magnitude_mask) > _INFINITY


def _quiet(*operands: int) -> int | None:
    """Return the first signalling NaN quieted, else the first quiet one, or None."""
    nans = [a for a in operands if _is_nan(a)]
    signalling = [a for a in nans if not a & BINARY32.quiet_bit]
    return (signalling or nans)[0] | BINARY32.quiet_bit if nans else None


def _quiet_first(function: Callable[[int], int]) -> Callable[[int], int]:
    @wraps(function)
    def of_number(a: int) -> int:
        nan = _quiet(a)
        return function(a) if nan is None else nan

    return of_number


@_quiet_first
def exp(a: int) -> int:
    """Return exp(a), as 2**(k + f) with k an integer and |f| at most 1/2; exp(-inf) = +0."""
    if a & BINARY32.magnitude_mask == _INFINITY:
        return _ZERO if a & _SIGN else _INFINITY
    y = _times(_in_units(bool(a & _SIGN), *decode(BINARY32, a)), _RECIPROCAL_OF_LOG_TWO)
    k = _rdiv(y, _UNIT)
    f, p = y - k * _UNIT, 0
    for coefficient in _POWER_OF_TWO:
        p = coefficient + _times(f, p)
    return _ZERO if p <= 0 else _pack(0, p, k - _SCALE)


@_quiet_first
def log(a: int) -> int:
    """Return log(a), by a series in (m - 1)/(m + 1); log(+-0) = -inf, log(-1) a NaN."""
    if a & BINARY32.magnitude_mask == 0:
        return _SIGN | _INFINITY
    if a & _SIGN or a == _INFINITY:
        return _NAN if a & _SIGN else _INFINITY
    m, e = decode(BINARY32, a)
    k = m.bit_length() - 1 + e
    reduced = _in_units(False, m, e - k)
    t = _over(reduced - _UNIT, reduced + _UNIT)
    square, power, s = _times(t, t), t, t
    for odd in range(3, _LAST_OF_LOG + 1, 2):
        power = _times(power, square)
        s += _rdiv(power, odd)
    y = 2 * s + k * _LOG_TWO
    return _pack(y < 0, abs(y), -_SCALE)


@_quiet_first
def tanh(a: int) -> int:
    """Return the hyperbolic tangent, 1 - 2/(exp(2|a|) + 1) with a's sign, in binary32."""
    magnitude = _abs(a)
    if magnitude == _INFINITY:
        return _ONE | (a & _SIGN)
    y = _sub(_ONE, _div(_TWO, _add(exp(_add(magnitude, magnitude)), _ONE)))
    return int(_neg(y) if a & _SIGN else y)


@_quiet_first
def sinh(a: int) -> int:
    """Return sinh(a), three terms of its series below 1/2, in binary32; infinities stay."""
    if _abs(a) == _INFINITY:
        return a
    if not _lt(_abs(a), _HALF):
        return int(_mul(_sub(exp(a), exp(_neg(a))), _HALF))
    square = _mul(a, a)
    cube = _mul(square, a)
    fifth = _mul(cube, square)
    return int(_add(_add(a, _div(cube, _SIX)), _div(fifth, _HUNDRED_AND_TWENTY)))


@_quiet_first
def cosh(a: int) -> int:
    """Return the hyperbolic cosine, (exp(a) + exp(-a)) * 0.5 in binary32; of infinities, +inf."""
    if _abs(a) == _INFINITY:
        return _INFINITY
    return int(_mul(_add(exp(a), exp(_neg(a))), _HALF))


@_quiet_first
def sin(a: int) -> int:
    """Return the sine; sin(+-0) = +-0; of infinities, the default NaN."""
    if a & BINARY32.magnitude_mask == 0:
        return a
    return _sine_and_cosine(a)[0]


@_quiet_first
def cos(a: int) -> int:
    """Return the cosine; of infinities, the default NaN."""
    if a & BINARY32.magnitude_mask == 0:
        return _ONE
    return _sine_and_cosine(a)[1]


def _sine_and_cosine(a: int) -> tuple[int, int]:
    """Return sine and cosine of a nonzero a: by series at a * 2**-m < 1/2, then doubled m times."""
    if a & BINARY32.magnitude_mask == _INFINITY:
        return _NAN, _NAN
    m, e = decode(BINARY32, a)
    doublings = max(m.bit_length() + 1 + e, 0)
    e -= doublings
    s, unit = _polynomial(_SINE, m, e)
    sine = _rounded_quotient(bool(a & _SIGN) != (s < 0), abs(s) * m, factorial(13), unit + e)
    c, unit = _polynomial(_COSINE, m, e)
    cosine = _rounded_quotient(c < 0, abs(c), factorial(12), unit)
    for _ in range(doublings):
        product, difference = _mul(sine, cosine), _sub(_mul(cosine, cosine), _mul(sine, sine))
        sine, cosine = _mul(_TWO, product), difference
    return int(sine), int(cosine)


def _polynomial(coefficients: Sequence[int], m: int, e: int) -> tuple[int, int]:
    """Return the exact value at (m * 2**e)**2 as an integer and the exponent of its unit; e < 0."""
    square, shift, degree = m * m, -2 * e, len(coefficients) - 1
    total = sum(c * square**i << shift * (degree - i) for i, c in enumerate(coefficients))
    return total, -shift * degree


def _rounded_quotient(negative: bool, n: int, d: int, e: int) -> int:
    """Return the exact n / d * 2**e, rounded once, from its leading bits and a sticky bit."""
    more = max(d.bit_length() + 2 * BINARY32.precision - n.bit_length(), 0)
    q, r = divmod(n << more, d)
    return _pack(negative, 2 * q | (r != 0), e - more - 1)


def pow(a: int, b: int) -> int:  # noqa: A001
    """Return the power a**b: a product for integers b of at most 256, else exp(b * log(a)).

    pow(a, +-0) = 1 even of a NaN; pow(1, b) = 1; of zeros, +0 or +inf, negative for -0 and odd b;
    of other negative numbers, a NaN unless b is an integer.
    """
    if b & BINARY32.magnitude_mask == 0:
        return _ONE
    nan = _quiet(a, b)
    if nan is not None:
        return nan
    if a == _ONE or b == _ONE:
        return _ONE if a == _ONE else a
    n = _integer(b)
    negative = bool(a & _SIGN) and n is not None and n % 2 == 1
    if a & BINARY32.magnitude_mask == 0:
        magnitude = _INFINITY if b & _SIGN else _ZERO
    elif a & _SIGN and n is None:
        return _NAN
    else:
        magnitude = _power(a & BINARY32.magnitude_mask, b, n)
    return int(_neg(magnitude)) if negative else magnitude


def _integer(b: int) -> int | None:
    """Return the value of an encoding, if that is an integer."""
    if b & BINARY32.magnitude_mask == _INFINITY:
        return None
    m, e = decode(BINARY32, b)
    if e < 0 and m & ((1 << -e) - 1):
        return None
    n = m << e if e >= 0 else m >> -e
    return -n if b & _SIGN else n


def _power(a: int, b: int, n: int | None) -> int:
    """Return the power of a positive number; n is b's value if that is an integer."""
    if n is None or abs(n) > _GREATEST_PRODUCT:
        return exp(int(_mul(b, log(a))))
    product = _ONE
    for _ in range(abs(n)):
        product = _mul(a, product)
    return int(_div(_ONE, product) if n < 0 else product)


ROUTINES: Final[dict[str, Routine]] = {
    "exp": exp,
    "log": log,
    "tanh": tanh,
    "sinh": sinh,
    "cosh": cosh,
    "sin": sin,
    "cos": cos,
    "pow": pow,
}
"""The functions that replace correctly rounded ones, by name."""
