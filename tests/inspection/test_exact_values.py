"""Errors of random expressions, compared with mpmath at 2,000 bits."""

import operator
import random

import mpmath
import pytest

from numlean import evaluate, get_scalar
from numlean.inspection.evaluation import Evaluation
from numlean.inspection.syntax import parse

DTYPE = "mp:40"
REFERENCE = mpmath.mp.clone()
REFERENCE.prec = 2000
_number = REFERENCE.mpf
UNARY = {
    **{
        name: getattr(REFERENCE, name)
        for name in [
            "exp",
            "expm1",
            "log",
            "log10",
            "log1p",
            "sin",
            "cos",
            "tan",
            "asin",
            "acos",
            "atan",
            "sinh",
            "cosh",
            "tanh",
            "asinh",
            "acosh",
            "atanh",
            "erf",
            "sqrt",
            "floor",
            "ceil",
        ]
    },
    "exp2": lambda x: _number(2) ** x,
    "exp10": lambda x: _number(10) ** x,
    "log2": lambda x: REFERENCE.log(x) / REFERENCE.log(2),
    "cbrt": lambda x: REFERENCE.cbrt(x) if x >= 0 else -REFERENCE.cbrt(-x),
    "rsqrt": lambda x: 1 / REFERENCE.sqrt(x),
    "sigmoid": lambda x: 1 / (1 + REFERENCE.exp(-x)),
    "softplus": lambda x: REFERENCE.log1p(REFERENCE.exp(x)),
    "trunc": lambda x: REFERENCE.floor(x) if x >= 0 else REFERENCE.ceil(x),
    "abs": abs,
}
BINARY = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "%": lambda x, y: x - y * REFERENCE.floor(x / y),
    "fmod": lambda x, y: x - y * UNARY["trunc"](x / y),
    "rem": lambda x, y: x - y * REFERENCE.nint(x / y),
    "hypot": REFERENCE.hypot,
    "atan2": REFERENCE.atan2,
    "min": min,
    "max": max,
}


def random_expression(draw, depth):
    """Return a text and the function of nothing that computes it with mpmath."""
    if depth == 0 or draw.random() < 0.15:
        text = draw.choice([f"{draw.uniform(-3, 3):.4g}", f"{draw.uniform(0, 1):.3g}"])
        return f"({text})", lambda: _number(text)
    if draw.random() < 0.5:
        name = draw.choice(list(UNARY))
        text, x = random_expression(draw, depth - 1)
        return f"{name}({text})", lambda: UNARY[name](x())
    name = draw.choice(list(BINARY))
    (a, x), (b, y) = (random_expression(draw, depth - 1) for _ in range(2))
    text = f"{name}({a}, {b})" if name.isalnum() else f"({a} {name} {b})"
    return text, lambda: BINARY[name](x(), y())


def test_errors_of_random_expressions_are_those_from_mpmath():
    draw, scalar, compared = random.Random(101), get_scalar(DTYPE), 0
    for _ in range(400):
        text, reference = random_expression(draw, 3)
        shown = evaluate(text, DTYPE).error_ulp
        if shown is None or abs(shown) == float("inf"):
            continue
        try:
            exact = reference()
        except ZeroDivisionError:  # infinite here, an error in mpmath
            continue
        if not REFERENCE.isfinite(exact):
            assert shown == 0, text  # the same infinity
            continue
        value = scalar.to_exact(Evaluation(scalar).value(parse(text)))[0]
        _, _, exponent, bits = (value or exact)._mpf_
        error = (value - exact) / _number(2) ** (exponent + bits - 40)
        assert shown == pytest.approx(float(error), rel=1e-5, abs=1e-9), text
        compared += 1
    assert compared > 200
