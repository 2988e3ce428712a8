"""The elementary functions that every Scalar has (IEEE 754-2019, clause 9.2)."""

from __future__ import annotations

from typing import Any, Final, Protocol, TypeAlias

import numpy as np

from numlean.scalar.flags import Flags

_Array: TypeAlias = np.ndarray[Any, Any]

ARITIES: Final = {
    **dict.fromkeys(("exp", "exp2", "expm1", "log", "log2", "log10", "log1p"), 1),
    **dict.fromkeys(("sin", "cos", "tan", "asin", "acos", "atan"), 1),
    **dict.fromkeys(("sinh", "cosh", "tanh", "asinh", "acosh", "atanh"), 1),
    **dict.fromkeys(("cbrt", "rsqrt", "erf", "sigmoid", "softplus"), 1),
    **dict.fromkeys(("pow", "hypot", "atan2"), 2),
}
"""How many operands each takes, by name."""


class ElementaryFunctions(Protocol):
    """Functions of arrays, each value rounded once from the exact one.

    A NaN operand gives what x + x, or x + y, makes of it, unless the function is constant in it. An
    operand outside a function's domain gives the default NaN. ``flags`` is added the exceptions
    raised, where they are kept; else ``UnavailableError`` is raised.
    """

    def exp(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The exponentials; exp(-inf) = +0."""

    def exp2(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The powers of two; exact for integers."""

    def expm1(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Each exp(x) - 1; expm1(+-0) = +-0."""

    def log(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The natural logarithms; log(+-0) = -inf."""

    def log2(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The logarithms to base 2; exact for powers of two."""

    def log10(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The logarithms to base 10; exact for powers of ten."""

    def log1p(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Each log(1 + x); log1p(+-0) = +-0, log1p(-1) = -inf."""

    def sin(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The sines of radians; sin(+-0) = +-0, no value at infinities."""

    def cos(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The cosines of radians; no value at infinities."""

    def tan(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The tangents of radians; tan(+-0) = +-0, no value at infinities."""

    def asin(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The arcsines; asin(+-0) = +-0."""

    def acos(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The arccosines; acos(1) = +0."""

    def atan(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The arctangents; atan(+-0) = +-0."""

    def sinh(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The hyperbolic sines; sinh(+-0) = +-0."""

    def cosh(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The hyperbolic cosines."""

    def tanh(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The hyperbolic tangents; tanh(+-0) = +-0."""

    def asinh(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The inverses of sinh; asinh(+-0) = +-0."""

    def acosh(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The inverses of cosh; acosh(1) = +0."""

    def atanh(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The inverses of tanh; atanh(+-0) = +-0, atanh(+-1) = +-inf."""

    def cbrt(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The cube roots; cbrt(+-0) = +-0."""

    def rsqrt(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The reciprocals of square roots; rsqrt(+-0) = +-inf."""

    def erf(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The error function; erf(+-0) = +-0."""

    def sigmoid(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Each 1 / (1 + exp(-x))."""

    def softplus(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Each log(1 + exp(x))."""

    def pow(self, x: _Array, y: _Array, *, flags: Flags | None = None) -> _Array:
        """Each x to the power y; pow(x, +-0) = pow(1, y) = 1 even of quiet NaNs."""

    def hypot(self, x: _Array, y: _Array, *, flags: Flags | None = None) -> _Array:
        """Each sqrt(x*x + y*y); hypot(+-inf, y) = +inf even of a quiet NaN."""

    def atan2(self, y: _Array, x: _Array, *, flags: Flags | None = None) -> _Array:
        """The angles of the points (x, y); signs of zeros tell the quadrant."""
