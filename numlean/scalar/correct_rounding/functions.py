"""The values of each function at special operands, and the enclosures of its other values.

A function of finite nonzero operands gives one of: an exact value, where it is algebraic or a
constant (clause 9.2.1 of IEEE 754-2019); a :class:`NearNumber`; or an approximation. At every
other argument it is transcendental (Lindemann and Weierstrass; Gelfond and Schneider for powers),
or, of roots, no number with a finite expansion.

``p``, below, is the format's precision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isqrt
from typing import Final, TypeAlias

from mpmath import libmp

from numlean.scalar.correct_rounding.ziv import NearNumber
from numlean.scalar.exact import Exact

Approximate: TypeAlias = Callable[[int], Exact]
Answer: TypeAlias = Exact | NearNumber | Approximate

_Operation: TypeAlias = Callable[..., Exact]
_add: _Operation = libmp.mpf_add
_sub: _Operation = libmp.mpf_sub
_mul: _Operation = libmp.mpf_mul
_div: _Operation = libmp.mpf_div
_exponential: _Operation = libmp.mpf_exp
_log: _Operation = libmp.mpf_log
_shift: _Operation = libmp.mpf_shift
_neg: _Operation = libmp.mpf_neg
_abs: _Operation = libmp.mpf_abs
_sqrt: _Operation = libmp.mpf_sqrt
_cbrt: _Operation = libmp.mpf_cbrt
_pi: _Operation = libmp.mpf_pi
_ln2: _Operation = libmp.mpf_ln2
_ln10: _Operation = libmp.mpf_ln10
_integer: _Operation = libmp.from_int
_number: _Operation = libmp.from_man_exp

ZERO: Final[Exact] = libmp.fzero
ONE: Final[Exact] = libmp.fone
MINUS_ONE: Final[Exact] = libmp.fnone
INFINITY: Final[Exact] = libmp.finf
MINUS_INFINITY: Final[Exact] = libmp.fninf
NAN: Final[Exact] = libmp.fnan
HALF: Final[Exact] = libmp.fhalf


@dataclass(frozen=True)
class Unary:
    """A function of one operand.

    Attributes:
        at: The answer at a finite nonzero operand, for a precision.
        special: Values at 0 and the infinities.
        odd: Whether f(-x) = -f(x), and so f(+-0) = +-0.
        reduces: Whether the argument is reduced, which takes as many bits as the argument is long.
        levels_off: Whether positive arguments that are long are not reduced.
    """

    at: Callable[[Exact, int], Answer]
    special: dict[Exact, Exact] = field(default_factory=dict)
    odd: bool = False
    reduces: bool = False
    levels_off: bool = False


def magnitude(x: Exact) -> int:
    """Return the e with 2**(e - 1) <= abs(x) < 2**e."""
    return x[2] + x[3]


def _by(name: str, x: Exact, *others: Exact) -> Approximate:
    """Return mpmath's function, with more bits for arguments far from one or near it."""
    function = getattr(libmp, "mpf_" + name)
    far = max(abs(magnitude(a)) for a in (x, *others))
    extra = 32 + min(2 * far, 4096) + max(-_distance_from_one(_abs(x)), 0)

    def approximate(working: int) -> Exact:
        y: Exact = function(x, *others, working + extra, "n")
        return y

    return approximate


def _distance_from_one(x: Exact) -> int:
    """Return the magnitude of x - 1, for positive x; 0 for one."""
    if x == ONE or not -1 <= magnitude(x) <= 2:
        return max(magnitude(x), 0)
    return magnitude(_sub(x, ONE))


def _is_tiny(x: Exact, bits: int) -> bool:
    return magnitude(x) < -bits


def _odd(name: str, *, grows: bool) -> Callable[[Exact, int], Answer]:
    """Return a function x + c * x**3 ..., |c| <= 1/2; for tiny x, its value is next to x."""

    def at(x: Exact, p: int) -> Answer:
        if _is_tiny(x, p // 2 + 2):
            return NearNumber(x, above=grows == (x[0] == 0))
        return _by(name, x)

    return at


def _even(name: str, *, grows: bool) -> Callable[[Exact, int], Answer]:
    """Return a function 1 + c * x**2 ..., |c| <= 1/2."""

    def at(x: Exact, p: int) -> Answer:
        return NearNumber(ONE, above=grows) if _is_tiny(x, p // 2 + 2) else _by(name, x)

    return at


def _within(
    least: Exact, greatest: Exact, at: Callable[[Exact, int], Answer]
) -> Callable[[Exact, int], Answer]:
    def inside(x: Exact, p: int) -> Answer:
        if libmp.mpf_lt(x, least) or libmp.mpf_lt(greatest, x):
            return NAN
        return at(x, p)

    return inside


def _exp(x: Exact, p: int) -> Answer:
    return NearNumber(ONE, above=x[0] == 0) if _is_tiny(x, p + 2) else _by("exp", x)


def _exp2(x: Exact, p: int) -> Answer:
    if x[2] >= 0:
        return _shift(ONE, int(libmp.to_int(x)))
    if _is_tiny(x, p + 2):
        return NearNumber(ONE, above=x[0] == 0)

    def approximate(working: int) -> Exact:
        bits = working + 32 + max(magnitude(x), 0)
        y = _mul(x, _ln2(bits))
        return _exponential(y, bits, "n")

    return approximate


def _exp10(x: Exact, p: int) -> Answer:
    # A positive integral power of ten is 5**n * 2**n; no other has a finite expansion.
    if x[2] >= 0 and not x[0] and libmp.mpf_lt(x, _integer(p)):
        n = int(libmp.to_int(x))
        return _number(5**n, n)
    if _is_tiny(x, p + 4):
        return NearNumber(ONE, above=x[0] == 0)

    def approximate(working: int) -> Exact:
        bits = working + 32 + max(magnitude(x), 0)
        return _exponential(_mul(x, _ln10(bits)), bits, "n")

    return approximate


def _expm1(x: Exact, p: int) -> Answer:
    if _is_tiny(x, p + 2):
        return NearNumber(x, above=True)
    if libmp.mpf_lt(x, _integer(-p - 3)):
        return NearNumber(MINUS_ONE, above=True)
    extra = 32 + max(-magnitude(x), 0)

    def approximate(working: int) -> Exact:
        power = _exponential(x, working + extra, "n")
        return _sub(power, ONE, working + extra, "n")

    return approximate


def _log_to(base: int) -> Callable[[Exact, int], Answer]:
    def at(x: Exact, p: int) -> Answer:
        exponent = _exponent_of(base, x)
        if exponent is not None:
            return _integer(exponent)
        log = _by("log", x)

        def approximate(working: int) -> Exact:
            ln_base = _log(_integer(base), working + 32, "n")
            return _div(log(working + 32), ln_base, working + 32, "n")

        return approximate

    return at


def _exponent_of(base: int, x: Exact) -> int | None:
    """Return the n with x = base**n, or None; base is 2 or 10."""
    _, m, e, _ = x
    if base == 2:
        return e if m == 1 else None
    n = 0
    while m % 5 == 0:
        m, n = m // 5, n + 1
    return n if m == 1 and n == e else None


def _log1p(x: Exact, p: int) -> Answer:
    if x == MINUS_ONE:
        return MINUS_INFINITY
    if _is_tiny(x, p + 2):
        return NearNumber(x, above=False)
    extra = 32 + max(-magnitude(x), 0) + max(-_distance_from_one(_abs(x)), 0)

    def approximate(working: int) -> Exact:
        one_more = _add(ONE, x, 2 * (working + extra), "n")
        return _log(one_more, working + extra, "n")

    return approximate


def _tanh(x: Exact, p: int) -> Answer:
    if magnitude(x) > 1 and libmp.mpf_lt(_integer(p + 3), _abs(x)):
        return NearNumber(MINUS_ONE if x[0] else ONE, above=bool(x[0]))
    return _odd("tanh", grows=False)(x, p)


def _erf(x: Exact, p: int) -> Answer:
    if libmp.mpf_lt(_integer(p + 3), _mul(x, x)):
        return NearNumber(MINUS_ONE if x[0] else ONE, above=bool(x[0]))
    return _by("erf", x)


def _sigmoid(x: Exact, p: int) -> Answer:
    if _is_tiny(x, p + 2):
        return NearNumber(HALF, above=x[0] == 0)
    if libmp.mpf_lt(_integer(p + 3), x):
        return NearNumber(ONE, above=False)

    def approximate(working: int) -> Exact:
        power = _exponential(_neg(x), working + 32, "n")
        return _div(ONE, _add(ONE, power, working + 32, "n"), working + 32, "n")

    return approximate


def _softplus(x: Exact, p: int) -> Answer:
    if libmp.mpf_lt(_integer(p + 3), x):
        return NearNumber(x, above=True)

    def approximate(working: int) -> Exact:
        power = _exponential(x, working + 32, "n")
        if magnitude(power) < -working:
            return power
        bits = working + 32 - min(magnitude(power), 0)
        return _log(_add(ONE, power, 2 * bits, "n"), bits, "n")

    return approximate


def _asin(x: Exact, p: int) -> Answer:
    return _odd("asin", grows=True)(x, p)


def _acos(x: Exact, p: int) -> Answer:
    return ZERO if x == ONE else _by("acos", x)


def _acosh(x: Exact, p: int) -> Answer:
    return ZERO if x == ONE else _by("acosh", x)


def _atanh(x: Exact, p: int) -> Answer:
    if _abs(x) == ONE:
        return MINUS_INFINITY if x[0] else INFINITY
    return _odd("atanh", grows=True)(x, p)


def root_of(n: int, degree: int) -> int | None:
    """Return the integer whose power of that degree is n > 0, or None."""
    if degree == 2:
        root = isqrt(n)
    else:
        root = int(libmp.to_int(libmp.mpf_nthroot(_integer(n), degree, n.bit_length() + 32)))
        root = next((r for r in (root, root + 1) if r**degree == n), root)
    return root if root**degree == n else None


def _cube_root(x: Exact, p: int) -> Answer:
    sign, m, e, _ = x
    root = root_of(int(m), 3) if e % 3 == 0 else None
    if root is not None:
        return _number(-root if sign else root, e // 3)
    negated = _neg(x)
    if sign:
        return lambda working: _neg(_cbrt(negated, working + 32, "n"))
    return lambda working: _cbrt(x, working + 32, "n")


def _rsqrt(x: Exact, p: int) -> Answer:
    """Return 1/sqrt(x): exact for powers of four; other values have no finite expansion."""
    if x[1] == 1 and x[2] % 2 == 0:
        return _shift(ONE, -x[2] // 2)

    def approximate(working: int) -> Exact:
        root = _sqrt(x, working + 32, "n")
        return _div(ONE, root, working + 32, "n")

    return approximate


def _both(value: Exact) -> dict[Exact, Exact]:
    return {INFINITY: value, MINUS_INFINITY: value}


_SAME: Final = {INFINITY: INFINITY, MINUS_INFINITY: MINUS_INFINITY}
_SIGN: Final = {INFINITY: ONE, MINUS_INFINITY: MINUS_ONE}
_LOG: Final = {ZERO: MINUS_INFINITY, INFINITY: INFINITY, MINUS_INFINITY: NAN}


def _half_pi(working: int) -> Exact:
    return _shift(_pi(working + 8), -1)


UNARY: Final[dict[str, Unary]] = {
    "exp": Unary(_exp, {ZERO: ONE, INFINITY: INFINITY, MINUS_INFINITY: ZERO}, reduces=True),
    "exp2": Unary(_exp2, {ZERO: ONE, INFINITY: INFINITY, MINUS_INFINITY: ZERO}, reduces=True),
    "exp10": Unary(_exp10, {ZERO: ONE, INFINITY: INFINITY, MINUS_INFINITY: ZERO}, reduces=True),
    "expm1": Unary(_expm1, {INFINITY: INFINITY, MINUS_INFINITY: MINUS_ONE}, odd=True, reduces=True),
    "log": Unary(_within(ZERO, INFINITY, lambda x, p: ZERO if x == ONE else _by("log", x)), _LOG),
    "log2": Unary(_within(ZERO, INFINITY, _log_to(2)), _LOG),
    "log10": Unary(_within(ZERO, INFINITY, _log_to(10)), _LOG),
    "log1p": Unary(
        _within(MINUS_ONE, INFINITY, _log1p), {INFINITY: INFINITY, MINUS_INFINITY: NAN}, odd=True
    ),
    "sin": Unary(_odd("sin", grows=False), _both(NAN), odd=True, reduces=True),
    "cos": Unary(_even("cos", grows=False), {ZERO: ONE, **_both(NAN)}, reduces=True),
    "tan": Unary(_odd("tan", grows=True), _both(NAN), odd=True, reduces=True),
    "asin": Unary(_within(MINUS_ONE, ONE, _asin), _both(NAN), odd=True),
    "acos": Unary(_within(MINUS_ONE, ONE, _acos), _both(NAN)),
    "atan": Unary(_odd("atan", grows=False), odd=True),
    "sinh": Unary(_odd("sinh", grows=True), _SAME, odd=True, reduces=True),
    "cosh": Unary(_even("cosh", grows=True), {ZERO: ONE, **_both(INFINITY)}, reduces=True),
    "tanh": Unary(_tanh, _SIGN, odd=True),
    "asinh": Unary(_odd("asinh", grows=False), _SAME, odd=True),
    "acosh": Unary(
        _within(ONE, INFINITY, _acosh), {ZERO: NAN, INFINITY: INFINITY, MINUS_INFINITY: NAN}
    ),
    "atanh": Unary(_within(MINUS_ONE, ONE, _atanh), _both(NAN), odd=True),
    "cbrt": Unary(_cube_root, _SAME, odd=True),
    "rsqrt": Unary(_within(ZERO, INFINITY, _rsqrt), {INFINITY: ZERO, MINUS_INFINITY: NAN}),
    "erf": Unary(_erf, _SIGN, odd=True),
    "sigmoid": Unary(
        _sigmoid,
        {ZERO: HALF, INFINITY: ONE, MINUS_INFINITY: ZERO},
        reduces=True,
        levels_off=True,
    ),
    "softplus": Unary(
        _softplus, {INFINITY: INFINITY, MINUS_INFINITY: ZERO}, reduces=True, levels_off=True
    ),
}
"""Unary functions by name. Signed zeros and NaNs are handled in :mod:`.arrays`."""

CONSTANTS: Final[dict[tuple[str, Exact], Approximate]] = {
    ("acos", ZERO): _half_pi,
    ("softplus", ZERO): lambda working: _ln2(working + 8),
    ("atan", INFINITY): _half_pi,
    ("atan", MINUS_INFINITY): lambda working: _neg(_half_pi(working)),
}
"""Special values that no format contains."""


def power(x: Exact, y: Exact, p: int) -> Answer:
    """Return the power of a positive x that is not one to a nonzero y."""
    value = _exact_power(x, y, p)
    if value is not None:
        return value
    # |log(x)| is below twice the distance of x in [1/2, 2) from one, and below the exponent.
    off = _distance_from_one(x)
    is_near = -1 < magnitude(x) < 2
    size = magnitude(y) + (off + 2 if is_near else abs(magnitude(x)).bit_length() + 1)
    if size < -(p + 2):
        return NearNumber(ONE, above=(y[0] == 0) == libmp.mpf_lt(ONE, x))

    def approximate(working: int) -> Exact:
        bits = working + 32 + max(magnitude(y) + abs(magnitude(x)).bit_length(), 0)
        log = _log(x, bits + max(-off, 0), "n")
        return _exponential(_mul(log, y), bits, "n")

    return approximate


def _exact_power(x: Exact, y: Exact, p: int) -> Exact | None:
    """Return the power if it has a finite expansion of no more than p + 1 bits.

    x = m * 2**e with m odd, to the power n / 2**k with n odd: then m and 2**e are 2**k-th powers,
    and n is positive unless m is one.
    """
    m, e, n, k = int(x[1]), x[2], int(y[1]), -y[2]
    while k > 0:
        root = root_of(m, 2)
        if root is None or e % 2:
            return None
        m, e, k = root, e // 2, k - 1
        if m == 1 and e == 0:
            return None
    if m == 1:
        return _shift(ONE, (-e if y[0] else e) * (n << -k))
    if y[0] or -k >= p + 2 or (n << -k) * (m.bit_length() - 1) > p + 1:
        return None
    return _number(m ** (n << -k), e * (n << -k))


def hypotenuse(x: Exact, y: Exact, p: int) -> Answer:
    """Return the hypotenuse of positive legs."""
    long, short = (y, x) if libmp.mpf_lt(x, y) else (x, y)
    if magnitude(short) - magnitude(long) < -(p // 2 + 3):
        return NearNumber(long, above=True)
    square = _add(_mul(x, x), _mul(y, y))
    root = root_of(int(square[1]), 2) if square[2] % 2 == 0 else None
    if root is not None:
        return _number(root, square[2] // 2)
    return lambda working: _sqrt(square, working + 32, "n")


def angle(y: Exact, x: Exact, p: int) -> Answer:
    """Return the angle of the point (x, y), y > 0 and x nonzero."""
    if not x[0] and magnitude(y) - magnitude(x) < -(p + 2) and y[1] % x[1] == 0:
        return NearNumber(_number(y[1] // x[1], y[2] - x[2]), above=False)
    return _by("atan2", y, x)
