"""Where the arithmetic of a format may be computed in a wider hardware format: the proofs.

**Notation.** The small format has the precision p, normal exponents from e to E, and q = e - p + 1,
the exponent of its least number; the wide format has P, e', E' and q'. ``RN`` rounds to nearest
even in the wide format. x is the exact result of an operation on numbers of the small format. A
*critical* number is where the rounding to the small format changes: its numbers, and the midpoints
between two of them (which have p + 1 bits, and are multiples of 2**(q-1)).

The wide format has all numbers of the small one, and e >= e', so that rounding RN(x) again gives
what rounding x gives, in every direction, if RN(x) is a critical number only where x is the same
number: rounding is monotonic, so RN(x) is never on the other side of one. To nearest even this is
needed of midpoints only. Where x overflows in the wide format, it also does in the small one.

- **add, sub, to nearest: 2p + 2 <= P.** Sums are multiples of 2**q, so one with at most P bits is
  exact. Otherwise let |a| >= |b|, let RN(x) = m be a midpoint, and 2**i <= m < 2**(i+1). Some bit
  of b is below the last of RN(x), so |b| < 2**(i-P+1+p) <= 2**(i-p-1). If |a| >= 2**i, a is a
  multiple of 2**(i-p+1) and m an odd multiple of 2**(i-p), else |a| <= 2**i - 2**(i-p) and
  m >= 2**i + 2**(i-p). In both cases |m - a| >= 2**(i-p), so |x - m| > 2**(i-p-1), which is more
  than half a unit of the wide format: x is not rounded to m. (Figueroa, "When is double rounding
  innocuous?", 1995, has 2p + 1.)
- **add, sub, exact: E + 2 - q <= P.** Every sum is below 2**(E+2) and a multiple of 2**q.
- **add, sub in any direction: p + 2 <= P, E < E'.** The error of RN(x) is computed exactly
  (Knuth's two-sum, which needs that nothing overflows), and RN(x) is replaced by x *rounded to
  odd*: the neighbour on the side of x if RN(x) is inexact and even. Critical numbers are even in
  the wide format, so the odd number is on the same side of each as x.
- **mul, exact: 2p <= P, 2q >= q'.** Products have 2p bits and are multiples of 2**(2q).
- **mul to nearest even: 2p + 2 <= P, e - 3p >= e' - P.** A product of at least half the least
  number, 2**(q-1), has no bit below 2**(q-2p) = 2**(e-3p+1) >= 2**q', so it is exact. Smaller ones
  become at most 2**(q-1), which is rounded to zero, as they are. Without the second condition this
  fails: of tf32 in binary32, (113 * 2**-75) * (145 * 2**-76) would be rounded to 2**-137, a
  midpoint, and then to zero instead of 2**-136.
- **div: 2p + 2 <= P.** Let c be critical and x = a / b != c. In integers A and C of at most p and
  p + 1 bits, |a - b * c| is at least one unit in the last place of a or of b * c, so
  |x - c| > |c| * 2**(-2p-1): more than half a unit, if the wide format has its full precision
  there. It has **if q - E - 1 >= e'**, for quotients are greater than 2**(q-E-1). To nearest even
  **e - 3p >= e' - P** suffices, because quotients below 2**(q-1) become zero, and above
  |x - c| > 2**(q-1-2p-1) exceeds half of 2**q'.
- **sqrt: 2p + 2 <= P.** Let 2**i <= c < 2**(i+1) be critical, c**2 != a. Then a is a multiple of
  2**(2i-p+1) and c**2 of 2**(2i-2p), so |a - c**2| >= 2**(2i-2p) and |sqrt(a) - c| > 2**(i-2p-2),
  at least half a unit. Roots are never subnormal in the wide format.
- **fma: the product is exact, and added in any direction as above: 2E + 3 <= E'.** A fused
  operation of the wide format would not do, whatever its precision: of binary16 in binary32,
  fma((1+2**-10) * 2**-5, (1-2**-10) * 2**-6, 1+2**-10) has 31 bits, just below a midpoint.

If results below the normal range are flushed, they must be found by the rounding to p bits without
a least exponent, so that e > e', and products must be exact.

**Stochastic rounding, in binary64: 2p <= 53, 2q >= -1074, 2E + 3 <= 1023.** Let x be positive, f
its exponent, or e if x is below the normal range, U = 2**(f-p+1), which is what the last bit kept
counts, and u = 2**(f-52). The routines in integers replace x by a number t of at most 63 bits, none
below u/2**10: they cut x and set the last bit if something was cut, at most two places higher if it
was a part of the smaller operand of a sum. The last bits of a root are estimated. In all cases x
and t are the same multiple of u, or between the same two. The result is the multiple of U at or
below t + r, where the number drawn is r < U, a multiple of u/2**10. If N random bits are R, it is
R*U/2**N (variant a), or (2*R + 1)*U/2**(N+1) (b, c), less u/2**10 in c if R is odd: a tie goes up
where it becomes even. Let s be the multiple of u at or below r.

Let y be a multiple of u with |y - x| < u, and w = y + s. Then y - u < t < y + u, so t + r is
between w - u and w + 2*u: **unless w is a multiple of U or u below one**, both have the same
multiple of U at or below them, and w gives the result. (If y is the power of two above x, the last
bit of its encoding counts 2*u, and 2*s is added; the multiple of 2*U below is y as well.) If y = x,
the result is known whatever w is, for then t = x. Random words leave one of 2**(52-p) unknown.

x rounded to nearest is such a y in the normal range, where the wide format has its full precision,
since e > e'. Below it, y is RN(RN(x) + 2**e) - 2**e: the first rounding is in error by at most u/4,
the second by at most u/2. Products are exact, so that the sum of a product and a number is rounded
once. If results below the normal range are flushed, RN(x) > 2**e or x = 0 tells that x is not among
them; all others are unknown. With N random bits **N + 1 <= 53 - p**, so that s has all of them.

Formats without a zero or without a trailing bit have another rule for what is even; they keep the
routines in integers.
"""

from __future__ import annotations

from typing import Final

from numlean_kernels.formats import BINARY32, BINARY64, Format
from numlean_kernels.ieee.arithmetic import Arithmetic, Rounding, Subnormal

WIDE: Final = (BINARY32, BINARY64)
"""The hardware formats, the fastest first."""

_NEAREST: Final = (Rounding.TIES_TO_EVEN, Rounding.TIES_TO_AWAY)


def wide_format(arithmetic: Arithmetic, operation: str) -> Format | None:
    """Return the fastest hardware format that may compute an operation; None if none may.

    Args:
        arithmetic: The arithmetic of the small format.
        operation: ``add sub mul div sqrt fma``.
    """
    is_proved = _CONDITIONS[operation]
    return next(
        (wide for wide in WIDE if can_round(arithmetic, wide) and is_proved(arithmetic, wide)), None
    )


def can_round(arithmetic: Arithmetic, wide: Format) -> bool:
    """Return whether numbers of the wide format may be rounded to the small one, and carry it."""
    return arithmetic.rounding is not Rounding.STOCHASTIC and _carries(arithmetic, wide)


def can_round_at_random(arithmetic: Arithmetic) -> bool:
    """Return whether stochastically rounded results are known from binary64."""
    random = arithmetic.random
    return (
        arithmetic.rounding is Rounding.STOCHASTIC
        and arithmetic.format.is_sign_magnitude
        and _carries(arithmetic, BINARY64)
        and _fused(arithmetic, BINARY64)
        and (random is None or random.bits + 1 <= BINARY64.precision - arithmetic.format.precision)
    )


def _carries(arithmetic: Arithmetic, wide: Format) -> bool:
    small = arithmetic.format.working
    flushes = arithmetic.subnormal is Subnormal.FLUSH
    return (
        arithmetic.format.has_zero
        and 1 <= small.trailing_bits < wide.trailing_bits
        and small.emax <= wide.emax
        and small.emin - flushes >= wide.emin
        and _least(small) >= _least(wide)
    )


def sums_are_odd(arithmetic: Arithmetic, wide: Format) -> bool:
    """Return whether sums are rounded to odd in the wide format."""
    return not (sums_are_exact(arithmetic, wide) or _nearest_sums(arithmetic, wide))


def carrying_format(arithmetic: Arithmetic, *, fused: bool) -> Format | None:
    """Return the hardware format in which matrix products may carry numbers; None if none may.

    Each operation rounds to nearest even. Products need not be exact if they are rounded from their
    factors, and fused ones must be.
    """
    if arithmetic.rounding is not Rounding.TIES_TO_EVEN or arithmetic.format.working.emax < 1:
        return None
    if arithmetic.subnormal is not Subnormal.KEEP:
        return None
    is_proved = _fused if fused else _is_twice_as_precise
    return next((w for w in WIDE if can_round(arithmetic, w) and is_proved(arithmetic, w)), None)


def _least(format: Format) -> int:
    """Return the exponent of the least number."""
    return format.emin - format.trailing_bits


def _is_twice_as_precise(arithmetic: Arithmetic, wide: Format) -> bool:
    return 2 * arithmetic.format.precision + 2 <= wide.precision


def sums_are_exact(arithmetic: Arithmetic, wide: Format) -> bool:
    """Return whether every sum of two numbers is one of the wide format."""
    small = arithmetic.format.working
    return small.emax + 2 - _least(small) <= wide.precision


def _nearest_sums(arithmetic: Arithmetic, wide: Format) -> bool:
    return arithmetic.rounding in _NEAREST and _is_twice_as_precise(arithmetic, wide)


def _odd_sums(arithmetic: Arithmetic, wide: Format) -> bool:
    small = arithmetic.format.working
    return small.precision + 2 <= wide.precision and small.emax < wide.emax


def _sums(arithmetic: Arithmetic, wide: Format) -> bool:
    return not sums_are_odd(arithmetic, wide) or _odd_sums(arithmetic, wide)


def _small_results(arithmetic: Arithmetic, wide: Format) -> bool:
    """Return whether results near half the least number are right to nearest even."""
    small = arithmetic.format.working
    return (
        arithmetic.rounding is Rounding.TIES_TO_EVEN
        and arithmetic.subnormal is Subnormal.KEEP
        and _is_twice_as_precise(arithmetic, wide)
        and small.emin - 3 * small.precision >= wide.emin - wide.precision
    )


def _exact_products(arithmetic: Arithmetic, wide: Format) -> bool:
    small = arithmetic.format.working
    return 2 * small.precision <= wide.precision and 2 * _least(small) >= _least(wide)


def _products(arithmetic: Arithmetic, wide: Format) -> bool:
    return _exact_products(arithmetic, wide) or _small_results(arithmetic, wide)


def _quotients(arithmetic: Arithmetic, wide: Format) -> bool:
    small = arithmetic.format.working
    is_normal = _least(small) - small.emax - 1 >= wide.emin
    is_normal &= _is_twice_as_precise(arithmetic, wide)
    return is_normal or _small_results(arithmetic, wide)


def _fused(arithmetic: Arithmetic, wide: Format) -> bool:
    small = arithmetic.format.working
    is_exact = _exact_products(arithmetic, wide) and 2 * small.emax + 3 <= wide.emax
    return is_exact and small.precision + 2 <= wide.precision


_CONDITIONS: Final = {
    "add": _sums,
    "sub": _sums,
    "mul": _products,
    "div": _quotients,
    "sqrt": _is_twice_as_precise,
    "fma": _fused,
}
