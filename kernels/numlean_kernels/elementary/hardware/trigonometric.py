"""Fast phases of sine, cosine and tangent in pairs of binary64, for arguments below 2**18.

**Reduction.** x = n * pi/256 + r with |r| <= 2**-7.3. The first constant is pi/256 to 53 bits, a
multiple of 2**-59; x is a multiple of 2**-60 unless n is zero, so that x - n*P1 is exact. n*P2 is
an exact pair, and its difference from that an exact sum; n*P3, below 2**-88, is rounded. Since n is
below 2**24.4, the pair (r, d) is within 2**-139. Results are uncertain if r is below 2**-70 and n
not zero; so it is within 2**-69 of itself.

**Values.** With S and C the sine and cosine of n * pi/256 (pairs, from a table),
sin x = S + C*r + S*(cos r - 1) + C*(sin r - r). C*r is an exact pair, and so is S + C*r, as S is
zero or at least twice that. cos r - 1 = -r**2/2 + r**4/24 - r**6/720 - r*d is below 2**-15.7, off
by 3u of itself and by omitted terms below 2**-73; sin r - r = d - r**3/6 + r**5/120 - r**7/5040 is
off by 3u of 2**-24.5, by omitted terms below 2**-84 and by d*r**2/2 < 2**-68.6 * r. Where S is not
zero, it is at least 2**-6.4, and the value at least S/2: relative to it, these are 3u * 2**-14.7,
and the three last sums cost as much, in all 2**-65 with the smaller ones. Where S is zero, errors
are below 2**-67.5 of r.

**Tangent.** The quotient of sine and cosine, each as a pair whose lower part is below u of the
upper one: two bounds of sines, and 2**-70 by the quotient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numlean_kernels.elementary.constants import context
from numlean_kernels.elementary.hardware.exponential import make_quotient
from numlean_kernels.elementary.hardware.floats import (
    INTEGERS,
    FloatBuilder,
    halves,
    make_rounding_test,
    table_of,
)
from numlean_kernels.protocol import Routine

HALF_TURN: Final = 256
"""The table has a sine at each such part of half a turn."""
_PIECES: Final = 2 * HALF_TURN
_GREATEST: Final = 2.0**18
_LEAST: Final = 2.0**-900
_LEAST_ANGLE: Final = 2.0**-70
SINE_ERROR: Final = 2.0**-64.5
"""The bound of relative errors of a sine."""
_TANGENT_ERROR: Final = 2.0**-63.4


def sine_table() -> tuple[Any, Any]:
    """Return the sines of multiples of pi/256, a whole turn, as two tables."""
    mp = context()
    zeros = (0, HALF_TURN)
    return table_of(
        [mp.mpf(0) if j in zeros else mp.sin(j * mp.pi / HALF_TURN) for j in range(_PIECES)]
    )


def sine_of_sum(quarters: int) -> Callable[[FloatBuilder], Routine]:
    """Return the maker of ``sine(x) -> (is_good, h, l)``: of x plus a number of quarter turns.

    It is good unless r is tiny; |x| is at most 2**18.
    """

    def make(builder: FloatBuilder) -> Routine:
        mp, fma, encoding, word = context(), builder.fma, builder.encoding, builder.word
        step = mp.pi / HALF_TURN
        per_step = float(1 / step)
        first, rest = halves(step)[0], step - halves(step)[0]
        second, third = halves(rest)
        uppers, lowers = sine_table()
        shift, to_cosine = word(quarters * HALF_TURN // 2), word(HALF_TURN // 2)
        mask = word(_PIECES - 1)
        s3, s5, s7 = -1 / 6, 1 / 120, -1 / 5040
        c2, c4, c6 = -1 / 2, 1 / 24, -1 / 720

        def sine_of_sum(x: Any) -> Any:
            t = fma(x, per_step, INTEGERS)
            n = t - INTEGERS
            bits = word(encoding(t) + shift)
            j, i = word(bits & mask), word(word(bits + to_cosine) & mask)
            y = fma(-n, first, x)
            w = n * second
            r = y - w
            part = r - y
            d = (y - (r - part)) - (w + part)
            d = d - fma(n, third, fma(n, second, -w))
            sin, sin_low, cos, cos_low = uppers[j], lowers[j], uppers[i], lowers[i]
            square = r * r
            sine = fma(square * r, fma(square, fma(square, s7, s5), s3), d)
            cosine = square * fma(square, fma(square, c6, c4), c2) - r * d
            product = cos * r
            lost = fma(cos, r, -product)
            h = sin + product
            low = (sin - h) + product
            rest = fma(sin, cosine, fma(cos, sine, fma(cos_low, r, lost))) + sin_low
            return (abs(r) >= _LEAST_ANGLE) | (n == 0.0), h, low + rest

        return sine_of_sum

    return make


def _make_sin(builder: FloatBuilder) -> Routine:
    """Return the fast phase of sin."""
    sine, rounding_test = builder.routine(SINE), builder.routine(make_rounding_test)

    def fast(x: Any) -> Any:
        size = abs(x)
        within = (size <= _GREATEST) & (size >= _LEAST)
        is_good, h, low = sine(x if within else 1.0)
        certain, z = rounding_test(h, low, abs(h) * SINE_ERROR)
        return (within & is_good & certain) | (x == 0.0), (z if within else x)

    return fast


def _make_cos(builder: FloatBuilder) -> Routine:
    """Return the fast phase of cos."""
    cosine, rounding_test = builder.routine(COSINE), builder.routine(make_rounding_test)

    def fast(x: Any) -> Any:
        within = abs(x) <= _GREATEST
        is_good, h, low = cosine(x if within else 1.0)
        certain, z = rounding_test(h, low, abs(h) * SINE_ERROR)
        return within & is_good & certain, z

    return fast


def _make_tan(builder: FloatBuilder) -> Routine:
    """Return the fast phase of tan."""
    sine, cosine = builder.routine(SINE), builder.routine(COSINE)
    quotient, rounding_test = builder.routine(make_quotient), builder.routine(make_rounding_test)

    def fast(x: Any) -> Any:
        size = abs(x)
        within = (size <= _GREATEST) & (size >= _LEAST)
        x = x if within | (size == 0.0) else 1.0
        of_sine, a, b = sine(x)
        of_cosine, c, d = cosine(x)
        upper, divisor = a + b, c + d
        h, low = quotient(upper, (a - upper) + b, divisor, (c - divisor) + d)
        certain, z = rounding_test(h, low, abs(h) * _TANGENT_ERROR)
        is_zero = x == 0.0
        return (within & of_sine & of_cosine & certain) | is_zero, (x if is_zero else z)

    return fast


SINE: Final = sine_of_sum(0)
COSINE: Final = sine_of_sum(1)

PHASES: Final = {"sin": _make_sin, "cos": _make_cos, "tan": _make_tan}
"""``fast(x) -> (certain, z)`` by the name of the function."""
