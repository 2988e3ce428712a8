"""Elementary functions of arrays of a Scalar that has no routines for them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from numlean.errors import NumleanError
from numlean.scalar.codec import Codec
from numlean.scalar.correct_rounding.functions import (
    CONSTANTS,
    INFINITY,
    NAN,
    ONE,
    UNARY,
    ZERO,
    Answer,
    angle,
    hypotenuse,
    magnitude,
    power,
)
from numlean.scalar.correct_rounding.kept_results import results
from numlean.scalar.correct_rounding.ziv import NearNumber, RoundOnce, rounded
from numlean.scalar.exact import Exact
from numlean.scalar.finiteness import is_nan
from numlean.scalar.long_integers import text_of_int
from numlean.scalar.protocol import Scalar, Storage
from numlean.scalar.work_limit import longest_exponent, longest_periodic, operand_hint

_PERIODIC: Final = ("sin", "cos", "tan")


def compute(
    scalar: Scalar,
    codec: Codec,
    name: str,
    operands: tuple[Storage, ...],
    *,
    by_enclosures: bool = False,
) -> Storage:
    """Return a function, by its name, of operands of one shape.

    Args:
        scalar: The arithmetic.
        codec: Its conversions.
        name: The function.
        operands: Arrays of numbers of the Scalar.
        by_enclosures: Whether every element is computed by an enclosure. The bits are the same.

    Raises:
        NumleanError: A value's magnitude is beyond any memory.
    """
    if len(operands) == 1:
        return _unary(scalar, codec, name, operands[0], by_enclosures)
    return _binary(scalar, codec, name, operands)


def _unary(scalar: Scalar, codec: Codec, name: str, x: Storage, by_enclosures: bool) -> Storage:
    function, zero = UNARY[name], scalar.from_float(0.0)
    undefined, is_zero = is_nan(scalar, x), scalar.eq(x, zero)
    # A NaN becomes x + x, and an odd function leaves a zero its sign.
    z = np.where(undefined, scalar.add(x, x), x)
    done = undefined | is_zero if function.odd or name == "rsqrt" else undefined
    if name == "rsqrt":
        z = np.where(is_zero, scalar.div(scalar.from_float(1.0), x), z)

    def value(a: Exact) -> Answer:
        if a in function.special:
            return function.special[a]
        if (name, a) in CONSTANTS:
            return CONSTANTS[name, a]
        return function.at(a, codec.precision)

    def enclose(a: Storage) -> Storage:
        return _elements(codec, name, value, a)

    left = x[~done]
    z[~done] = enclose(left) if by_enclosures else results(scalar, codec, name, left, enclose)
    return z


def _binary(scalar: Scalar, codec: Codec, name: str, operands: tuple[Storage, ...]) -> Storage:
    x, y = operands
    one, zero = scalar.from_float(1.0), scalar.from_float(0.0)
    undefined = is_nan(scalar, x) | is_nan(scalar, y)
    constant = _ignores_nan(scalar, name, x, y) & ~_is_signalling(scalar, x, y)
    done = undefined & ~constant
    z = np.where(done, scalar.add(x, y), scalar.abs(x))
    minus = [scalar.lt(a, zero) | scalar.lt(scalar.div(one, a), zero) for a in (x, y)]
    chosen = ~done
    magnitudes = [scalar.abs(a)[chosen] for a in (x, y)]
    function = BINARY[name]
    signs = [m[chosen].tolist() for m in minus]
    p, encode = codec.precision, codec.encode
    elements, negative = [], []
    decoded = [map(codec.decode, a.tolist()) for a in magnitudes]
    for a, b, minus_a, minus_b in zip(*decoded, *signs, strict=True):
        if name == "pow":
            _check_argument_length(name, b)
        is_negative, answer = function(a, minus_a, b, minus_b, p)
        elements.append(_element(answer, p, _of_sign(encode, is_negative)))
        negative.append(is_negative)
    values = codec.from_elements(elements, (len(elements),))
    # An exact zero has no sign before it is stored.
    minus_zero = np.array(negative, np.bool_) & scalar.eq(values, zero)
    z[chosen] = np.where(minus_zero, scalar.neg(scalar.abs(values)), values)
    return z


def _of_sign(encode: RoundOnce, is_negative: bool) -> RoundOnce:
    from mpmath import libmp

    return (lambda value: encode(libmp.mpf_neg(value))) if is_negative else encode


def _elements(codec: Codec, name: str, value: Any, x: Storage) -> Storage:
    elements = []
    for element in x.tolist():
        a = codec.decode(element)
        _check_argument_length(name, a)
        elements.append(_element(value(a), codec.precision, codec.encode))
    return codec.from_elements(elements, (len(elements),))


def _element(answer: Answer, precision: int, round_once: RoundOnce) -> Any:
    if isinstance(answer, NearNumber):
        return answer.rounded(precision, round_once)
    return (
        round_once(answer) if isinstance(answer, tuple) else rounded(answer, precision, round_once)
    )


def _check_argument_length(name: str, x: Exact) -> None:
    if name in UNARY and not (UNARY[name].reduces and (x[0] or not UNARY[name].levels_off)):
        return
    # A reduction takes as many bits as the operand has, and so has an exponential's exponent.
    is_periodic = name in _PERIODIC
    most = longest_periodic() if is_periodic else longest_exponent()
    if x[1] and magnitude(x) > most:
        operand = "exponent" if name == "pow" else "operand"
        bits = text_of_int(int(magnitude(x)))
        hint = operand_hint(int(magnitude(x)), is_periodic=is_periodic)
        raise NumleanError(
            f"{name}: the {operand} is about {'-' * x[0]}2**{bits}; numbers up to 2**{most}"
            f" are supported{hint}"
        )


def _ignores_nan(scalar: Scalar, name: str, x: Storage, y: Storage) -> Any:
    """Return where the value is the same for any operand, even a NaN (clause 9.2.1)."""
    if name == "pow":
        return scalar.eq(x, scalar.from_float(1.0)) | scalar.eq(y, scalar.from_float(0.0))
    if name == "hypot":
        return _is_infinite(scalar, x) | _is_infinite(scalar, y)
    return np.zeros(x.shape, np.bool_)


def _is_infinite(scalar: Scalar, x: Storage) -> Any:
    """Return where a number is infinite: where the difference from itself is invalid.

    A saturating arithmetic converts nothing to an infinity with which to compare.
    """
    difference = scalar.sub(x, x)
    return scalar.eq(x, x) & ~scalar.eq(difference, difference)


def _is_signalling(scalar: Scalar, x: Storage, y: Storage) -> Any:
    if scalar.format is None:
        return np.zeros(x.shape, np.bool_)
    return (scalar.classify(x) == 0) | (scalar.classify(y) == 0)


def _pow(a: Exact, minus_a: bool, b: Exact, minus_b: bool, p: int) -> tuple[bool, Answer]:
    """Return the sign and the magnitude, by the cases of clause 9.2.1."""
    from mpmath import libmp

    if b == ZERO or (a == ONE and not minus_a):
        return False, ONE
    if b == INFINITY:
        grows = libmp.mpf_lt(ONE, a)
        return False, (ONE if a == ONE else (INFINITY if grows != minus_b else ZERO))
    is_integer, is_odd = b[2] >= 0, b[2] == 0
    negative = minus_a and is_odd
    if a in (ZERO, INFINITY):
        return negative, (INFINITY if (a == INFINITY) != minus_b else ZERO)
    if minus_a and not is_integer:
        return False, NAN
    if a == ONE:
        return negative, ONE
    return negative, power(a, libmp.mpf_neg(b) if minus_b else b, p)


def _hypot(a: Exact, minus_a: bool, b: Exact, minus_b: bool, p: int) -> tuple[bool, Answer]:
    if INFINITY in (a, b):
        return False, INFINITY
    if ZERO in (a, b):
        return False, (b if a == ZERO else a)
    return False, hypotenuse(a, b, p)


def _atan2(y: Exact, minus_y: bool, x: Exact, minus_x: bool, p: int) -> tuple[bool, Answer]:
    from mpmath import libmp

    if y == INFINITY and x == INFINITY:
        y = x = ONE
    elif y == INFINITY or (x == ZERO and y != ZERO):
        return minus_y, CONSTANTS["acos", ZERO]
    elif x == INFINITY or y == ZERO:
        return minus_y, ((lambda working: libmp.mpf_pi(working + 8)) if minus_x else ZERO)
    return minus_y, angle(y, libmp.mpf_neg(x) if minus_x else x, p)


BINARY: Final = {"pow": _pow, "hypot": _hypot, "atan2": _atan2}
