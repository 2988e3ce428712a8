"""Elementary functions, correctly rounded to any format by Ziv's strategy.

The value is enclosed at a working precision; if both ends of the enclosure round to the same
number, that is the answer, else the precision is doubled (A. Ziv, "Fast evaluation of elementary
mathematical functions with correctly rounded last bit", ACM TOMS 17(3), 1991). That ends because no
value lies on a point where rounding turns, but at the arguments listed as exact: by the theorem of
Lindemann and Weierstrass exp, log, sin, cos and their hyperbolic kin are transcendental at every
other dyadic argument.

mpmath's functions are off by a few units in the last working place; the enclosure allows for 2**6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mpmath import libmp

from numlean.codec import Exact
from numlean.errors import NumleanError

_SLACK_BITS: Final = 6
_LONGEST_ARGUMENT: Final = 1 << 20
_GUARD_BITS: Final = 32
_NAN: Final[Exact] = libmp.fnan


@dataclass(frozen=True)
class ElementaryFunction:
    """A real function, and its values where it is not transcendental (clause 9.2.1).

    Attributes:
        name: Its name.
        approximate: ``approximate(x, precision, rounding)`` from mpmath.
        exact: Values at exact arguments, the infinities among them.
        odd: Whether f(-x) = -f(x), and so f(+-0) = +-0.
        domain: Which finite nonzero arguments have a value; others give a NaN.
        below_one: Whether |f| < 1 at every finite argument, and may come closer to it than any
            working precision can tell.
        reduces: Whether the argument is reduced by a constant, which takes as many bits as the
            argument is long.
    """

    name: str
    approximate: Callable[[Exact, int, str], Exact]
    exact: dict[Exact, Exact]
    odd: bool = False
    domain: Callable[[Exact], bool] = lambda _: True
    below_one: bool = False
    reduces: bool = False


def _both_infinities(value: Exact) -> dict[Exact, Exact]:
    return {libmp.finf: value, libmp.fninf: value}


_SIGNED_INFINITIES: Final = {libmp.finf: libmp.finf, libmp.fninf: libmp.fninf}

FUNCTIONS: Final[dict[str, ElementaryFunction]] = {
    function.name: function
    for function in (
        ElementaryFunction(
            "exp",
            libmp.mpf_exp,
            {libmp.fzero: libmp.fone, libmp.finf: libmp.finf, libmp.fninf: libmp.fzero},
            reduces=True,
        ),
        ElementaryFunction(
            "log",
            libmp.mpf_log,
            {
                libmp.fzero: libmp.fninf,
                libmp.fone: libmp.fzero,
                libmp.finf: libmp.finf,
                libmp.fninf: _NAN,
            },
            domain=lambda x: x[0] == 0,
        ),
        ElementaryFunction(
            "tanh",
            libmp.mpf_tanh,
            {libmp.finf: libmp.fone, libmp.fninf: libmp.fnone},
            odd=True,
            below_one=True,
        ),
        ElementaryFunction("sinh", libmp.mpf_sinh, _SIGNED_INFINITIES, odd=True, reduces=True),
        ElementaryFunction(
            "cosh",
            libmp.mpf_cosh,
            {libmp.fzero: libmp.fone, **_both_infinities(libmp.finf)},
            reduces=True,
        ),
        ElementaryFunction("sin", libmp.mpf_sin, _both_infinities(_NAN), odd=True, reduces=True),
        ElementaryFunction(
            "cos",
            libmp.mpf_cos,
            {libmp.fzero: libmp.fone, **_both_infinities(_NAN)},
            reduces=True,
        ),
    )
}


def correctly_rounded(
    function: ElementaryFunction, x: Exact, precision: int, round_once: Callable[[Exact], Any]
) -> Any:
    """The value at x, rounded once by ``round_once`` from the exact reals to a format.

    ``precision`` is the format's, from which the working precision starts; the result does not
    depend on it. x is not a NaN, nor zero if the function is odd, for x has not a zero's sign.

    Raises:
        NumleanError: The value's magnitude is beyond any memory.
    """
    if x in function.exact:
        return round_once(function.exact[x])
    if not function.domain(x):
        return round_once(_NAN)
    if function.reduces and x[2] + x[3] > _LONGEST_ARGUMENT:
        raise NumleanError(
            f"{function.name} of a number of about 2**{x[2] + x[3]} takes more memory than there is"
        )
    working = precision + _GUARD_BITS
    while True:
        low, high = _enclosure(function, x, working)
        rounded = round_once(low)
        if rounded == round_once(high):
            return rounded
        working *= 2


def _enclosure(function: ElementaryFunction, x: Exact, working: int) -> tuple[Exact, Exact]:
    """Two numbers with the value between them."""
    y = function.approximate(x, working, "n")
    radius = libmp.mpf_shift(libmp.mpf_abs(y), _SLACK_BITS - working)
    low, high = libmp.mpf_sub(y, radius), libmp.mpf_add(y, radius)
    if not function.below_one:
        return low, high
    # No rounding turns between 1 - 2**-working and 1, so an end beyond may as well be put there.
    nearly_one = libmp.mpf_sub(libmp.fone, libmp.mpf_shift(libmp.fone, -working))
    return _clamped(low, nearly_one), _clamped(high, nearly_one)


def _clamped(y: Exact, limit: Exact) -> Exact:
    if libmp.mpf_lt(limit, libmp.mpf_abs(y)):
        return libmp.mpf_neg(limit) if libmp.mpf_lt(y, libmp.fzero) else limit
    return y
