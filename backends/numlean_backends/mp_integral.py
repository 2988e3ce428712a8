"""Operations of mp by integers: remainders, rounding to an integer, exponents and signs.

All but ``logb`` and ``scaleb`` are exact, whatever the precision: results have no more bits than
the operands. None takes more steps than numbers and their exponents have bits.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from mpmath import libmp, mp

from numlean.scalar.checks import round_to_integer
from numlean.scalar.rounding_names import DIRECTIONS
from numlean_kernels.protocol import Routine

_mpf: Final = mp.make_mpf
_NAN: Final = libmp.fnan
_INFINITIES: Final = (libmp.finf, libmp.fninf)


def integral_routines(precision: int) -> dict[str, Routine]:
    """Return the routines on ``mpmath.mpf`` objects, by name."""
    return {
        "rem": lambda a, b: _mpf(_remainder(a._mpf_, b._mpf_)),
        "copy_sign": _copy_sign,
        "logb": lambda a: _mpf(_exponent(a._mpf_, precision)),
        "scaleb": lambda a, n: _mpf(_scaled(a._mpf_, int(n))),
        **{f"round_to_integral {way}": partial(_round_to_integral, way) for way in DIRECTIONS},
    }


def _remainder(x: Any, y: Any) -> Any:
    """Return x - y*n for the integer n nearest x/y, ties to even (clause 5.3.1)."""
    if _NAN in (x, y) or x in _INFINITIES or y == libmp.fzero:
        return _NAN
    if x == libmp.fzero or y in _INFINITIES or x[2] + x[3] < y[2] + y[3] - 1:
        return x
    e = min(x[2], y[2])
    n, d = int(x[1]), int(y[1]) << (y[2] - e)
    # The remainder by 2*d tells whether the quotient is odd.
    twice = n * pow(2, x[2] - e, 2 * d) % (2 * d)
    is_odd, rest = divmod(twice, d)
    if 2 * rest > d or (2 * rest == d and is_odd):
        rest -= d
    return libmp.from_man_exp(-rest if x[0] else rest, int(e))


def _round_to_integral(rounding: str, a: Any) -> Any:
    value = a._mpf_
    if value == _NAN or value in _INFINITIES or value[2] >= 0:
        return a
    return _mpf(libmp.from_int(round_to_integer(value, rounding)))


def _exponent(value: Any, precision: int) -> Any:
    """Return the e of m * 2**e, 1 <= m < 2, as a number; -infinity for zero (clause 5.3.3)."""
    if value == libmp.fzero:
        return libmp.fninf
    if value == _NAN or value in _INFINITIES:
        return libmp.mpf_abs(value)
    return libmp.from_int(int(value[2] + value[3] - 1), precision, "n")


def _scaled(value: Any, n: int) -> Any:
    return libmp.mpf_shift(value, n) if value[1] else value


def _copy_sign(a: Any, b: Any) -> Any:
    """Return a with the sign of b; zero and NaN count as positive."""
    magnitude = libmp.mpf_abs(a._mpf_)
    return _mpf(libmp.mpf_neg(magnitude) if libmp.mpf_sign(b._mpf_) < 0 else magnitude)
