"""The elementary functions that every Scalar has (IEEE 754-2019, clause 9.2)."""

from __future__ import annotations

from typing import Any, Final, Protocol, TypeAlias

import numpy as np

from numlean.errors import UnknownNameError
from numlean.scalar.flags import Flags

_Array: TypeAlias = np.ndarray[Any, Any]


class ElementaryFunctions(Protocol):
    """Functions of arrays; each value is the exact one, rounded once.

    A NaN operand gives the result of x + x, or x + y, unless the function is constant in it. An
    operand outside the domain gives the default NaN. The exceptions raised are added to ``flags``;
    an arithmetic without flags raises ``UnavailableError``.

    If you implement a Scalar: inherit from this class and define ``elementary``. Each method below
    is a row of the table of operations.
    """

    def elementary(self, name: str, *operands: _Array, flags: Flags | None = None) -> _Array:
        """Return the function of that name of the operands."""

    def exp(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the exponentials; exp(-inf) = +0."""
        return self.elementary("exp", x, flags=flags)

    def exp2(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the powers of two; exact for integers."""
        return self.elementary("exp2", x, flags=flags)

    def exp10(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the powers of ten; exact for integers whose power of ten is a number."""
        return self.elementary("exp10", x, flags=flags)

    def expm1(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return exp(x) - 1; expm1(+-0) = +-0."""
        return self.elementary("expm1", x, flags=flags)

    def log(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the natural logarithms; log(+-0) = -inf."""
        return self.elementary("log", x, flags=flags)

    def log2(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the logarithms to base 2; exact for powers of two."""
        return self.elementary("log2", x, flags=flags)

    def log10(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the logarithms to base 10; exact for powers of ten."""
        return self.elementary("log10", x, flags=flags)

    def log1p(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return log(1 + x); log1p(+-0) = +-0, log1p(-1) = -inf."""
        return self.elementary("log1p", x, flags=flags)

    def sin(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the sines of radians; sin(+-0) = +-0, sin(+-inf) is invalid."""
        return self.elementary("sin", x, flags=flags)

    def cos(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the cosines of radians; cos(+-inf) is invalid."""
        return self.elementary("cos", x, flags=flags)

    def tan(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the tangents of radians; tan(+-0) = +-0, tan(+-inf) is invalid."""
        return self.elementary("tan", x, flags=flags)

    def asin(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the arcsines; asin(+-0) = +-0."""
        return self.elementary("asin", x, flags=flags)

    def acos(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the arccosines; acos(1) = +0."""
        return self.elementary("acos", x, flags=flags)

    def atan(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the arctangents; atan(+-0) = +-0."""
        return self.elementary("atan", x, flags=flags)

    def sinh(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the hyperbolic sines; sinh(+-0) = +-0."""
        return self.elementary("sinh", x, flags=flags)

    def cosh(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the hyperbolic cosines."""
        return self.elementary("cosh", x, flags=flags)

    def tanh(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the hyperbolic tangents; tanh(+-0) = +-0."""
        return self.elementary("tanh", x, flags=flags)

    def asinh(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the inverse hyperbolic sines; asinh(+-0) = +-0."""
        return self.elementary("asinh", x, flags=flags)

    def acosh(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the inverse hyperbolic cosines; acosh(1) = +0."""
        return self.elementary("acosh", x, flags=flags)

    def atanh(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the inverse hyperbolic tangents; atanh(+-0) = +-0, atanh(+-1) = +-inf."""
        return self.elementary("atanh", x, flags=flags)

    def cbrt(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the cube roots; cbrt(+-0) = +-0."""
        return self.elementary("cbrt", x, flags=flags)

    def rsqrt(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return 1 / sqrt(x), rounded once; rsqrt(+-0) = +-inf."""
        return self.elementary("rsqrt", x, flags=flags)

    def erf(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the error function; erf(+-0) = +-0."""
        return self.elementary("erf", x, flags=flags)

    def sigmoid(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return 1 / (1 + exp(-x)), rounded once; sigmoid(-inf) = +0."""
        return self.elementary("sigmoid", x, flags=flags)

    def softplus(self, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return log(1 + exp(x)), rounded once; softplus(-inf) = +0."""
        return self.elementary("softplus", x, flags=flags)

    def pow(self, x: _Array, y: _Array, *, flags: Flags | None = None) -> _Array:
        """Return x to the power y; pow(x, +-0) = pow(1, y) = 1 even for quiet NaNs."""
        return self.elementary("pow", x, y, flags=flags)

    def hypot(self, x: _Array, y: _Array, *, flags: Flags | None = None) -> _Array:
        """Return sqrt(x*x + y*y), rounded once; hypot(+-inf, y) = +inf even for a quiet NaN."""
        return self.elementary("hypot", x, y, flags=flags)

    def atan2(self, y: _Array, x: _Array, *, flags: Flags | None = None) -> _Array:
        """Return the angles of the points (x, y); the signs of zeros select the quadrant."""
        return self.elementary("atan2", y, x, flags=flags)


ARITIES: Final = {
    name: function.__code__.co_argcount - 1
    for name, function in vars(ElementaryFunctions).items()
    if not name.startswith("_") and name != "elementary"
}
"""The number of operands of each function, by name."""


def check_name(name: str) -> None:
    """Check that there is an elementary function of a name.

    Raises:
        UnknownNameError: There is none.
    """
    if not isinstance(name, str) or name not in ARITIES:
        raise UnknownNameError("elementary function", name, tuple(ARITIES))
