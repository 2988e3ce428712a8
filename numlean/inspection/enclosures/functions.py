"""Elementary functions of enclosures, by their values at the ends."""

from __future__ import annotations

from typing import Final

from mpmath import libmp

from numlean.inspection.enclosures.enclosure import (
    INFINITIES,
    LONGEST,
    NAN,
    ONE,
    ZERO,
    Enclosure,
    UndecidedError,
    absolute,
    greatest,
    least,
    negated,
)
from numlean.scalar.correct_rounding.arrays import BINARY
from numlean.scalar.correct_rounding.functions import CONSTANTS, UNARY, Answer, magnitude
from numlean.scalar.correct_rounding.ziv import NearNumber
from numlean.scalar.exact import Exact
from numlean.scalar.work_limit import longest_exponent

_SLACK_BITS: Final = 8
"""The approximations of functions are off by at most 2**8 units of the last working place."""

_BOUNDED_SLOPE: Final = ("sin", "cos")
_PERIODIC: Final = ("sin", "cos", "tan")
_BRANCH: Final = libmp.from_int(3)
"""The tangent increases between poles, which are at a greater distance."""


def unary(name: str, x: Enclosure, working: int) -> Enclosure:
    """Return a function of one operand; all but sine, cosine, tangent and cosh are monotonic."""
    if x.is_nan:
        return NAN
    if x.is_point:
        return _at_point(name, x, working)
    if name in _BOUNDED_SLOPE:
        return _by_slope(name, x, working)
    ends = (absolute(x) if name == "cosh" else x).ends
    values = [_at_point(name, end, working) for end in ends]
    if name == "tan" and (
        libmp.mpf_lt(values[1].high, values[0].low) or libmp.mpf_lt(_BRANCH, x.width)
    ):
        raise UndecidedError("the tangent next to a pole")
    return Enclosure.hull(values)


def _at_point(name: str, x: Enclosure, working: int) -> Enclosure:
    function, value = UNARY[name], x.low
    if x.is_zero and name == "rsqrt":
        return Enclosure.infinity(x.sign)
    if x.is_zero and function.odd:
        return x
    if value in function.special:
        return Enclosure.point(function.special[value])
    if (name, value) in CONSTANTS:
        return _of_answer(CONSTANTS[name, value], working)
    if function.reduces:
        _check_length(name, value, LONGEST if name in _PERIODIC else _longest_exponent())
    return _of_answer(function.at(value, working), working)


def _by_slope(name: str, x: Enclosure, working: int) -> Enclosure:
    """Return a function whose slope is at most one: its value at one end, widened."""
    at_end, width = _at_point(name, x.ends[0], working), x.width
    low = libmp.mpf_sub(at_end.low, width, working, "f")
    high = libmp.mpf_add(at_end.high, width, working, "c")
    return Enclosure(greatest([low, libmp.fnone]), least([high, ONE]))


def binary(name: str, x: Enclosure, y: Enclosure, working: int) -> Enclosure:
    """Return a function of two operands."""
    if x.is_nan or y.is_nan:
        return _of_nan(name, x, y)
    if name == "hypot":
        x, y = absolute(x), absolute(y)
    elif not (x.is_point and y.is_point):
        _check_monotonic(name, x, y)
    return Enclosure.hull([_at_points(name, a, b, working) for a in x.ends for b in y.ends])


def _of_nan(name: str, x: Enclosure, y: Enclosure) -> Enclosure:
    """Return a function that is the same for every operand, even for a NaN (clause 9.2.1)."""
    if name == "pow" and (y.is_zero or (x.is_point and x.low == ONE)):
        return Enclosure.point(ONE)
    if name == "hypot" and (x.is_infinite or y.is_infinite):
        return Enclosure.infinity(1)
    return NAN


def _check_monotonic(name: str, x: Enclosure, y: Enclosure) -> None:
    """Check that the extrema of a power, or of an angle, are at the corners of a rectangle.

    A power is monotonic in each operand if the base is positive, and in the base if the exponent is
    one number. The angle of a point is extremal at corners unless the rectangle touches the cut,
    where the abscissa is not positive and the ordinate zero.

    Raises:
        UndecidedError: They may be elsewhere.
    """
    if name == "pow":
        if x.sign < 0 and not y.is_point:
            raise UndecidedError("a power of a negative number")
    elif x.is_zero:
        _ = y.sign
    elif libmp.mpf_sign(y.low) <= 0:
        _ = x.sign


def _at_points(name: str, x: Enclosure, y: Enclosure, working: int) -> Enclosure:
    a, b = (Exact(*libmp.mpf_abs(each.low)) for each in (x, y))
    if name == "pow":
        _check_length(name, a, LONGEST)
        _check_length(name, b, _longest_exponent())
    negative, answer = BINARY[name](a, x.sign < 0, b, y.sign < 0, working)
    z = _of_answer(answer, working)
    return negated(z) if negative and not z.is_nan else z


def _of_answer(answer: Answer, working: int) -> Enclosure:
    if isinstance(answer, NearNumber):
        off = libmp.mpf_shift(libmp.mpf_abs(answer.number), -working)
        beyond = (libmp.mpf_add if answer.above else libmp.mpf_sub)(answer.number, off)
        ends = (answer.number, beyond)
        return Enclosure(least(ends), greatest(ends))
    if isinstance(answer, tuple):
        return Enclosure.point(answer)
    y = answer(working + _SLACK_BITS)
    radius = libmp.mpf_shift(libmp.mpf_abs(y), -working)
    return Enclosure(libmp.mpf_sub(y, radius), libmp.mpf_add(y, radius))


def _longest_exponent() -> int:
    """Return the most bits of an operand of an exponential, and so of its result's exponent."""
    return min(LONGEST, longest_exponent())


def _check_length(name: str, x: Exact, most: int) -> None:
    if x not in (ZERO, *INFINITIES) and abs(magnitude(x)) > most:
        raise UndecidedError(f"{name} of a number of such size")
