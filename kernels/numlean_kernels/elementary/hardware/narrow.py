"""Fast phases of functions of binary32, in single floats of binary64.

Operands are exact in binary64, and results are rounded to binary32 once. u is 2**-53. A value is
certain if both ends of its interval of error round to one binary32, which may be subnormal or,
where the value is beyond the range, infinite: the conversion rounds these as well.

**Power.** The reduction is that of :mod:`.exponential`; exp(r) = 1 + r + ... + r**4/24 omits less
than 2**-59.4, and roundings are below 8u. Differences from one are (2**k*T - 1) + 2**k*T*(r + ...);
they cancel down to 2**-10.5 at most, or consist of the second part, so they are within 2**-40 of
themselves.

**Logarithm.** As in :mod:`.logarithm`; terms up to r**5/5 omit less than 2**-45.6 of r. All is
within 2**-43 of the logarithm, since A is zero or twice r.

**Sine.** As in :mod:`.trigonometric`: r is within 2**-88 + u*r, so it is within 2**-47 of itself
where it is at least 2**-40. Where S is zero the terms omit r**7/5040, below 2**-56 of r; elsewhere
r**6/720, below 2**-53. Values are within 2**-44 of themselves.

**pow.** y * ln x is within 2**-43 of itself, and so the power within |y ln x| * 2**-43 + 2**-46.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean_kernels.elementary.constants import context
from numlean_kernels.elementary.hardware.exponential import PIECE_BITS, make_copy_sign
from numlean_kernels.elementary.hardware.floats import INTEGERS, FloatBuilder, halves, table_of
from numlean_kernels.elementary.hardware.logarithm import ln_two, make_argument, tables
from numlean_kernels.elementary.hardware.trigonometric import HALF_TURN, sine_table
from numlean_kernels.protocol import Routine

_PIECES: Final = 1 << PIECE_BITS
_FIRST_BITS: Final = 42
_EXP_ERROR: Final = 2.0**-46
_DIFFERENCE_ERROR: Final = 2.0**-40
_LOG_ERROR: Final = 2.0**-43
_SINE_ERROR: Final = 2.0**-44
_GREATEST_EXP: Final = 200.0
"""Powers of e beyond this exponent, of either sign, are those of it, in binary32."""
_GREATEST_LEVEL: Final = 20.0
"""1 - tanh(20) is below 2**-56, and 1 - sigmoid(20) below 2**-28."""
_LEAST: Final = 2.0**-126
_GREATEST: Final = float(np.finfo(np.float32).max)
_GREATEST_ANGLE: Final = 2.0**18
_LEAST_ANGLE: Final = 2.0**-40
_GREATEST_INTEGER: Final = 2.0**50


def _make_certain(builder: FloatBuilder) -> Routine:
    """Return ``rounded(y, error) -> (certain, z)``: a real near y, rounded to binary32.

    An error of the sign of y preserves the sign of zero.
    """

    def rounded(y: Any, error: Any) -> Any:
        z = np.float32(y + error)
        return z == np.float32(y - error), z

    return rounded


def _make_power(builder: FloatBuilder) -> Routine:
    """Return ``power(x) -> (scale, top, rest)``: exp(x) = scale * (top + rest), |x| <= 200."""
    mp, fma, encoding, word = context(), builder.fma, builder.encoding, builder.word
    step = mp.ln(2) / _PIECES
    per_step = float(1 / step)
    first, second = halves(step, _FIRST_BITS)
    uppers, _ = table_of([mp.mpf(2) ** (mp.mpf(j) / _PIECES) for j in range(_PIECES)])
    c2, c3, c4 = 1 / 2, 1 / 6, 1 / 24
    mask, to_exponent = word(_PIECES - 1), word(52 - PIECE_BITS)
    real, one = builder.real, word(np.float64(1).view(np.uint64))

    def power(x: Any) -> Any:
        t = fma(x, per_step, INTEGERS)
        n = t - INTEGERS
        bits = encoding(t)
        j = word(bits & mask)
        r = fma(-n, second, fma(-n, first, x))
        top = uppers[j]
        rest = top * fma(r * r, fma(r, fma(r, c4, c3), c2), r)
        return real(word(word(word(bits - j) << to_exponent) + one)), top, rest

    return power


def _make_exp(builder: FloatBuilder) -> Routine:
    """Return the fast phase of exp."""
    power, certain = builder.routine(_make_power), builder.routine(_make_certain)

    def fast(a: Any) -> Any:
        x: Any = np.float64(a)
        x = -_GREATEST_EXP if x < -_GREATEST_EXP else x
        x = _GREATEST_EXP if x > _GREATEST_EXP else x
        is_number = x == x
        scale, top, rest = power(x if is_number else 0.0)
        y = scale * (top + rest)
        sure, z = certain(y, y * _EXP_ERROR)
        return is_number & sure, z

    return fast


def _make_tanh(builder: FloatBuilder) -> Routine:
    """Return the fast phase of tanh: y / (y + 2) with y = exp(2|x|) - 1."""
    power, certain = builder.routine(_make_power), builder.routine(_make_certain)
    copy_sign = builder.routine(make_copy_sign)

    def fast(a: Any) -> Any:
        x: Any = np.float64(a)
        size = abs(x)
        is_number = size == size
        size = _GREATEST_LEVEL if size > _GREATEST_LEVEL else size
        scale, top, rest = power((size + size) if is_number else 0.0)
        y = (scale * top - 1.0) + scale * rest
        y = copy_sign(y / (y + 2.0), x)
        sure, z = certain(y, y * _DIFFERENCE_ERROR)
        return is_number & sure, z

    return fast


def _make_sigmoid(builder: FloatBuilder) -> Routine:
    """Return the fast phase of the logistic function: with y = exp(-|x|), 1 or y over 1 + y."""
    power, certain = builder.routine(_make_power), builder.routine(_make_certain)

    def fast(a: Any) -> Any:
        x: Any = np.float64(a)
        is_number = x == x
        size = abs(x)
        size = _GREATEST_EXP if size > _GREATEST_EXP else size
        scale, top, rest = power(-size if is_number else 0.0)
        y = scale * (top + rest)
        y = (y if x < 0.0 else 1.0) / (1.0 + y)
        sure, z = certain(y, y * _EXP_ERROR)
        return is_number & sure, z

    return fast


def _make_natural(builder: FloatBuilder) -> Routine:
    """Return ``natural(x)``: the natural logarithm of a positive normal number of binary64."""
    argument, fma = builder.routine(make_argument), builder.fma
    multipliers, uppers, lowers = tables()
    logs = uppers + lowers
    two = sum(ln_two())
    c2, c3, c4, c5 = -1 / 2, 1 / 3, -1 / 4, 1 / 5

    def natural(x: Any) -> Any:
        e, index, m = argument(x)
        c = multipliers[index]
        product = m * c
        r = (product - 1.0) + fma(m, c, -product)
        tail = fma(r * r, fma(r, fma(r, fma(r, c5, c4), c3), c2), r)
        return fma(e, two, logs[index]) + tail

    return natural


def _logarithm(base: int | None) -> Callable[[FloatBuilder], Routine]:
    """Return the maker of the fast phase of a logarithm to a base; None for natural ones."""

    def make(builder: FloatBuilder) -> Routine:
        natural, certain = builder.routine(_make_natural), builder.routine(_make_certain)
        factor = 1.0 if base is None else float(1 / context().ln(base))

        def fast(a: Any) -> Any:
            x = np.float64(a)
            within = (x > 0.0) & (x <= _GREATEST)
            y = natural(x if within else 1.0) * factor
            sure, z = certain(y, y * _LOG_ERROR)
            return within & sure, z

        return fast

    return make


def _sine(quarter: int) -> Callable[[FloatBuilder], Routine]:
    """Return the maker of the sine of the sum of x and some quarter turns."""

    def make(builder: FloatBuilder) -> Routine:
        mp, fma, encoding, word = context(), builder.fma, builder.encoding, builder.word
        certain = builder.routine(_make_certain)
        step = mp.pi / HALF_TURN
        per_step = float(1 / step)
        first, second = halves(step)
        sines, _ = sine_table()
        shift, to_cosine = word(quarter * HALF_TURN // 2), word(HALF_TURN // 2)
        mask = word(2 * HALF_TURN - 1)
        s3, s5, c2, c4 = -1 / 6, 1 / 120, -1 / 2, 1 / 24
        is_sine = quarter == 0

        def fast(a: Any) -> Any:
            x = np.float64(a)
            within = abs(x) <= _GREATEST_ANGLE
            y = x if within else 1.0
            t = fma(y, per_step, INTEGERS)
            n = t - INTEGERS
            bits = word(encoding(t) + shift)
            r = fma(-n, second, fma(-n, first, y))
            sin, cos = sines[word(bits & mask)], sines[word(word(bits + to_cosine) & mask)]
            square = r * r
            sine = fma(square * r, fma(square, s5, s3), r)
            cosine = square * fma(square, c4, c2)
            y = fma(cos, sine, fma(sin, cosine, sin))
            sure, z = certain(y, y * _SINE_ERROR)
            sure = within & sure & ((abs(r) >= _LEAST_ANGLE) | (n == 0.0))
            return sure, ((a if x == 0.0 else z) if is_sine else z)

        return fast

    return make


def _make_pow(builder: FloatBuilder) -> Routine:
    """Return the fast phase of pow; an odd power of a negative number is negative."""
    natural, power = builder.routine(_make_natural), builder.routine(_make_power)
    certain, fma, encoding = builder.routine(_make_certain), builder.fma, builder.encoding
    word, last_bit, no_bit = builder.word, builder.word(1), builder.word(0)

    def fast(a: Any, b: Any) -> Any:
        x, y = np.float64(a), np.float64(b)
        size = abs(x)
        within = (size > 0.0) & (size <= _GREATEST) & (abs(y) <= _GREATEST)
        shifted = y + INTEGERS
        is_integer = (abs(y) <= _GREATEST_INTEGER) & (shifted - INTEGERS == y)
        within = within & ((x > 0.0) | is_integer)
        p = y * natural(size if within else 1.0)
        p = -_GREATEST_EXP if p < -_GREATEST_EXP else p
        p = _GREATEST_EXP if p > _GREATEST_EXP else p
        scale, top, rest = power(p if within else 0.0)
        y = scale * (top + rest)
        is_minus = (x < 0.0) & (word(encoding(shifted) & last_bit) != no_bit)
        y = -y if is_minus else y
        sure, z = certain(y, y * fma(abs(p), _LOG_ERROR, _EXP_ERROR))
        return within & sure, z

    return fast


PHASES: Final = {
    "exp": _make_exp,
    "tanh": _make_tanh,
    "sigmoid": _make_sigmoid,
    "log": _logarithm(None),
    "log2": _logarithm(2),
    "log10": _logarithm(10),
    "sin": _sine(0),
    "cos": _sine(1),
    "pow": _make_pow,
}
"""``fast(*operands) -> (certain, z)`` by the name of the function."""
