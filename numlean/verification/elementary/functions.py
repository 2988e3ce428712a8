"""The elementary functions: estimates in binary64, and the cases that estimates cannot decide.

An estimate is good to a few ulp of binary64. It cannot decide the rounding where the value is
closer to a number of the format than that, as sin(x) is to x for small x. There an inequality gives
the side. The thresholds are such that outside them the value differs from the number by more than
``2**-43`` of it, and inside them by less than ``2**-40``, which is ``NEAR``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np

from numlean.scalar.elementary import ARITIES
from numlean.verification.encoding import Bools, Floats

NEAR: Final = 2.0**-40
"""The greatest relative distance of a value from the number it is near."""

LEAST: Final = 2.0**-1000
"""Represents nonzero values too small for binary64, and 1/LEAST those too great. Both are beyond
any filtered format. Zeros are reserved for exact results, infinities for poles."""

Sides: TypeAlias = np.ndarray[Any, np.dtype[np.int8]]
NearNumber: TypeAlias = tuple[Bools, Floats, Any]
"""Where a value is near a number, the number, and the side in magnitude: above 1, below -1."""

_CUBIC: Final = 2.0**-20
"""Below, f(x) = x + c x**3 (or 1 + c x**2) with 1/6 <= |c| <= 1/2 differs by at most NEAR."""
_LINEAR: Final = 2.0**-41
"""Below, a relative difference of about x/2 or x is at most NEAR."""


@dataclass(frozen=True)
class Function:
    """An elementary function, as the standard defines it (IEEE 754-2019, clause 9.2).

    Attributes:
        name: The name of the Scalar's method.
        arity: The number of operands.
        estimate: The values in binary64, a few ulp off, for operands that are finite, nonzero, and
            not outside.
        outside: Where the function has no value, for operands other than NaNs and zeros.
        near_exact_cases: Where values are too close to a number for an estimate, as inequalities.
        ignores_nan: Where a quiet NaN does not affect the result (clause 9.2.1).
    """

    name: str
    arity: int
    estimate: Callable[..., Floats]
    outside: Callable[..., Any] | None = None
    near_exact_cases: tuple[Callable[..., NearNumber], ...] = ()
    ignores_nan: Callable[..., Bools] | None = None


def _near_argument(side: int) -> Callable[[Floats], NearNumber]:
    return lambda x: (np.abs(x) < _CUBIC, x, side)


def _near_one(side: int) -> Callable[[Floats], NearNumber]:
    return lambda x: (np.abs(x) < _CUBIC, np.ones_like(x), side)


def _near_limit(beyond: float, limit: float) -> Callable[[Floats], NearNumber]:
    """Return the side of a limit with the argument's sign, for arguments beyond a bound."""
    return lambda x: (np.abs(x) > beyond, np.copysign(limit, x), -1)


def _with_slope(at_zero: float) -> Callable[[Floats], NearNumber]:
    return lambda x: (np.abs(x) < _LINEAR, np.full_like(x, at_zero), np.sign(x))


def _in_range(function: Callable[..., Floats]) -> Callable[..., Floats]:
    """Return a function that is neither zero nor infinite where it is estimated."""

    def clipped(*x: Floats) -> Floats:
        y = function(*x)
        magnitude: Floats = np.clip(np.abs(y), LEAST, 1 / LEAST)
        return np.copysign(magnitude, y)

    return clipped


def _log_of_sum(x: Floats) -> Floats:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@cache
def _erf_loop() -> Callable[..., None]:
    import math

    import numba

    @numba.njit  # type: ignore[untyped-decorator]
    def loop(x: Any, y: Any) -> None:
        for i in range(len(x)):
            y[i] = math.erf(x[i])

    return loop  # type: ignore[no-any-return]


def _erf(x: Floats) -> Floats:
    y = np.empty_like(x)
    _erf_loop()(x, y)
    return y


def _power_near_one(a: Floats, b: Floats) -> NearNumber:
    log = b * np.log(np.abs(a))
    return (a > 0) & (a != 1) & (np.abs(log) < _LINEAR), np.ones_like(a), np.sign(log)


def _power_outside(a: Floats, b: Floats) -> Bools:
    outside: Bools = (a < 0) & np.isfinite(a) & np.isfinite(b) & (b != np.trunc(b))
    return outside


def _hypotenuse_near_leg(a: Floats, b: Floats) -> NearNumber:
    long, short = np.maximum(np.abs(a), np.abs(b)), np.minimum(np.abs(a), np.abs(b))
    return short < _CUBIC * long, long, 1


def _angle_near_slope(y: Floats, x: Floats) -> NearNumber:
    # The quotient is a number only by chance, but always if x is a power of two.
    slope, (significand, _) = y / x, np.frexp(x)
    return (significand == 0.5) & (np.abs(slope) < _CUBIC), slope, -1


def _by_mpfr(name: str) -> Callable[..., Floats]:
    """Return the estimate of a function that numpy lacks: MPFR's, element by element."""

    def estimate(*x: Floats) -> Floats:
        import gmpy2

        function = getattr(gmpy2.context(precision=53), name)
        values = [
            float(function(*map(gmpy2.mpfr, row))) for row in zip(*map(np.ravel, x), strict=True)
        ]
        return np.array(values, np.float64).reshape(x[0].shape)

    return _in_range(estimate)


_FUNCTIONS: Final = {
    f.name: f
    for f in (
        Function("exp", 1, _in_range(np.exp), near_exact_cases=(_with_slope(1),)),
        Function("exp2", 1, _in_range(np.exp2), near_exact_cases=(_with_slope(1),)),
        Function(
            "exp10",
            1,
            _by_mpfr("exp10"),
            near_exact_cases=(lambda x: (np.abs(x) < _LINEAR / 2, np.ones_like(x), np.sign(x)),),
        ),
        Function(
            "expm1",
            1,
            _in_range(np.expm1),
            near_exact_cases=(
                lambda x: (np.abs(x) < _LINEAR, x, np.sign(x)),
                lambda x: (x < -29, np.full_like(x, -1), -1),
            ),
        ),
        Function("log", 1, np.log, outside=lambda x: x < 0),
        Function("log2", 1, np.log2, outside=lambda x: x < 0),
        Function("log10", 1, np.log10, outside=lambda x: x < 0),
        Function(
            "log1p",
            1,
            np.log1p,
            outside=lambda x: x < -1,
            near_exact_cases=(lambda x: (np.abs(x) < _LINEAR, x, -np.sign(x)),),
        ),
        Function("sqrt", 1, np.sqrt, outside=lambda x: x < 0),
        Function("rsqrt", 1, lambda x: 1 / np.sqrt(x), outside=lambda x: x < 0),
        Function("cbrt", 1, np.cbrt),
        Function("sin", 1, np.sin, outside=np.isinf, near_exact_cases=(_near_argument(-1),)),
        Function("cos", 1, np.cos, outside=np.isinf, near_exact_cases=(_near_one(-1),)),
        Function("tan", 1, np.tan, outside=np.isinf, near_exact_cases=(_near_argument(1),)),
        Function(
            "asin",
            1,
            np.arcsin,
            outside=lambda x: np.abs(x) > 1,
            near_exact_cases=(_near_argument(1),),
        ),
        Function("acos", 1, np.arccos, outside=lambda x: np.abs(x) > 1),
        Function("atan", 1, np.arctan, near_exact_cases=(_near_argument(-1),)),
        Function("sinh", 1, _in_range(np.sinh), near_exact_cases=(_near_argument(1),)),
        Function("cosh", 1, _in_range(np.cosh), near_exact_cases=(_near_one(1),)),
        Function("tanh", 1, np.tanh, near_exact_cases=(_near_argument(-1), _near_limit(15, 1))),
        Function("asinh", 1, np.arcsinh, near_exact_cases=(_near_argument(-1),)),
        Function("acosh", 1, np.arccosh, outside=lambda x: x < 1),
        Function(
            "atanh",
            1,
            np.arctanh,
            outside=lambda x: np.abs(x) > 1,
            near_exact_cases=(_near_argument(1),),
        ),
        Function("erf", 1, _erf, near_exact_cases=(_near_limit(5.2, 1),)),
        Function(
            "sigmoid",
            1,
            _in_range(lambda x: 1 / (1 + np.exp(-x))),
            near_exact_cases=(_with_slope(0.5), lambda x: (x > 29, np.ones_like(x), -1)),
        ),
        Function(
            "softplus", 1, _in_range(_log_of_sum), near_exact_cases=(lambda x: (x > 25, x, 1),)
        ),
        Function(
            "pow",
            2,
            _in_range(np.power),
            outside=_power_outside,
            near_exact_cases=(_power_near_one,),
            ignores_nan=lambda a, b: (b == 0) | (a == 1),
        ),
        Function(
            "hypot",
            2,
            np.hypot,
            near_exact_cases=(_hypotenuse_near_leg,),
            ignores_nan=lambda a, b: np.isinf(a) | np.isinf(b),
        ),
        Function("atan2", 2, np.arctan2, near_exact_cases=(_angle_near_slope,)),
    )
}
"""Functions by name. Bounds of ``near_exact_cases``: expm1(-29) + 1 = 2**-41.8,
1 - tanh(15) = 2**-42.3, 1 - erf(5.2) = 2**-42.2, 1 - sigmoid(29) = 2**-41.8,
softplus(25)/25 - 1 = 2**-40.7."""

FUNCTIONS: Final = {
    **{name: Function(name, arity, _by_mpfr(name)) for name, arity in ARITIES.items()},
    **_FUNCTIONS,
}
"""Every elementary function, by name; a function without a row above has MPFR as its estimate."""
