"""The functions that an expression can call, by name.

Operations of the Scalar keep their names. The functions below them are exact in every format, or
rounded once, because they consist of operations of which all but the last are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from numlean.scalar.further import ARITIES
from numlean.scalar.operations import ELEMENTWISE, OPERATIONS, Kind, operations
from numlean.scalar.protocol import Scalar, Storage


class Operations(Protocol):
    """A Scalar's operations, and the flags that they raise."""

    @property
    def scalar(self) -> Scalar:
        """The Scalar."""

    def apply(self, operation: str, *operands: Storage, rounding: str | None = None) -> Storage:
        """Return the Scalar's operation of that name of operands, and count its flags."""

    def further(self, operation: str, *operands: Storage) -> Storage:
        """Return an operation of ``numlean.scalar.further``, and count its flags."""


BINARY: Final = {"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "pow": "**"}
"""The functions that have an operator, and the operator."""

_OPERATORS_ONLY: Final = ("add", "sub", "mul", "div", "neg")
_ROUNDING: Final = "round_to_integral"


@dataclass(frozen=True)
class Function:
    """A function that an expression can call.

    Attributes:
        name: The name.
        arity: The number of operands.
        compute: Computes it with a Scalar's operations; None if it is one of them.
        operation: The operation of the Scalar that it is, or that it consists of.
        is_variadic: Whether further operands are combined one by one, from left to right.
        takes_rounding: Whether a rounding direction may follow the operands.
    """

    name: str
    arity: int
    operation: str
    compute: Callable[..., Storage] | None = None
    is_variadic: bool = False
    takes_rounding: bool = False

    def takes(self) -> str:
        """Return the number of operands, in words for errors."""
        if self.is_variadic:
            return f"{self.arity} or more operands"
        extra = " and a rounding direction, or none" if self.takes_rounding else ""
        return f"{self.arity} operands{extra}"


def fmod(of: Operations, x: Storage, y: Storage) -> Storage:
    """Return x - y*n, n being x/y cut to an integer; exact, with the sign of x (C, 7.12.10.1)."""
    return of.further("fmod", x, y)


def mod(of: Operations, x: Storage, y: Storage) -> Storage:
    """Return x - y*floor(x/y), rounded once, with the sign of y, as Python and numpy define %."""
    rest, zero, lt = fmod(of, x, y), of.scalar.from_float([0.0]), of.scalar.lt
    if of.scalar.eq(rest, zero)[0]:
        return of.apply("copy_sign", rest, y)
    if (lt(y, zero) & lt(zero, rest) | lt(zero, y) & lt(rest, zero))[0]:
        return of.apply("add", rest, y)
    return rest


def _rounded(direction: str) -> Callable[..., Storage]:
    def compute(of: Operations, x: Storage) -> Storage:
        return of.apply(_ROUNDING, x, rounding=direction)

    return compute


def _further(name: str) -> Callable[..., Storage]:
    def compute(of: Operations, *x: Storage) -> Storage:
        return of.further(name, *x)

    return compute


def _of_operation(name: str) -> Function:
    arity = OPERATIONS[name].arity
    return Function(name, arity, name, takes_rounding=name == _ROUNDING)


INTEGRAL: Final = {
    "rint": "ties_to_even",
    "trunc": "toward_zero",
    "floor": "toward_negative",
    "ceil": "toward_positive",
}
"""The functions that round to an integer in one direction."""

_EXTREMA: Final = {"min": "minimum", "max": "maximum"}
_NUMPY: Final = {"fmin": "minimum_number", "fmax": "maximum_number", "nextafter": "next_after"}
"""numpy's names of functions."""

FUNCTIONS: Final = {
    each.name: each
    for each in (
        *map(_of_operation, (*ELEMENTWISE, "logb", *operations(kind=Kind.NEIGHBOUR))),
        Function("fmod", 2, "rem", fmod),
        *(Function(name, 2, name, _further(name)) for name in ARITIES if name != "fmod"),
        *(Function(name, 2, of, _further(of)) for name, of in _NUMPY.items()),
        Function("mod", 2, "rem", mod),
        *(Function(name, 1, _ROUNDING, _rounded(way)) for name, way in INTEGRAL.items()),
        *(Function(name, 2, of, is_variadic=True) for name, of in _EXTREMA.items()),
    )
}
"""Every function of expressions, operators included."""

CALLABLE: Final = {name: f for name, f in FUNCTIONS.items() if name not in _OPERATORS_ONLY}
"""The functions that can be called by their name."""
