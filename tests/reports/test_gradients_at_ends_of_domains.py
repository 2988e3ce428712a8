"""Gradients at the ends of the domains of functions, and where an intermediate result overflows.

The expected values are limits of the derivative, computed by hand or in binary64 by numpy.
"""

import math

import numpy as np
import pytest

import numlean as nl
from numlean import ops
from numlean.autograd.tape import value_and_gradient
from numlean.autograd.tensor import Tensor

INF, NAN = math.inf, math.nan
RNG = np.random.default_rng(7)


def scalar_of(dtype):
    """Return a Scalar that compiles nothing."""
    return nl.get_scalar(dtype, "python")


def gradients(name, operands, dtype):
    scalar = scalar_of(dtype)
    tensors = [Tensor.of(scalar, np.array(x, np.float64)) for x in operands]
    summed = value_and_gradient(lambda p: getattr(ops, name)(*p).sum(), tensors)[1]
    return [g.to_float() for g in summed]


def shown(x):
    """Return a number as text: its sign counts, the payload of a NaN does not."""
    return repr(float(x))


POWERS = {
    (0, 0): (0, 0),
    (2, 0): (0, np.float32(math.log(2))),
    (-1, 0): (0, NAN),
    (INF, 0): (0, INF),
    (NAN, 0): (0, NAN),
    (0, 1): (1, 0),
    (0, 2): (0, 0),
    (0, 0.5): (INF, 0),
    (0, -1): (-INF, -INF),
    (INF, 2): (INF, INF),
    (INF, -2): (-0.0, 0),
    (0.5, INF): (0, -0.0),
    (2, -INF): (-0.0, 0),
    (0, INF): (0, 0),
    (1, INF): (INF, 0),
    (-1, 2.0**24 + 2): (-(2.0**24) - 2, NAN),
    (2, 3): (12, np.float32(8) * np.float32(math.log(2))),
}


@pytest.mark.parametrize("operands", POWERS, ids=repr)
def test_a_power_has_the_limits_of_its_derivatives(operands):
    found = gradients("pow", operands, "float32")
    expected = POWERS[operands]
    # A limit of zero has either sign.
    found, expected = ([shown(x + 0.0) for x in pair] for pair in (found, expected))
    assert found == expected


ONE_OPERAND = {
    "sqrt": {0.0: INF, INF: 0},
    "cbrt": {0.0: INF, INF: 0},
    "rsqrt": {0.0: -INF, INF: 0},
    "log": {0.0: INF, INF: 0},
    "log1p": {-1.0: INF, INF: 0},
    "log2": {0.0: INF, INF: 0},
    "log10": {0.0: INF, INF: 0},
    "asin": {1.0: INF, -1.0: INF},
    "acos": {1.0: -INF, -1.0: -INF},
    "atan": {INF: 0, -INF: 0, 0.0: 1},
    "asinh": {INF: 0, -INF: 0, 0.0: 1},
    "acosh": {1.0: INF, INF: 0},
    "atanh": {1.0: INF, -1.0: INF},
    "exp": {-INF: 0, INF: INF},
    "exp10": {-INF: 0, INF: INF},
    "expm1": {-INF: 0, INF: INF},
    "tanh": {-INF: 0, INF: 0},
    "sigmoid": {-INF: 0, INF: 0},
    "softplus": {-INF: 0, INF: 1},
    "erf": {-INF: 0, INF: 0},
    "abs": {0.0: 0},
    "relu": {0.0: 0, -INF: 0, INF: 1},
}


@pytest.mark.parametrize("name", ONE_OPERAND)
@pytest.mark.parametrize("dtype", ["float32", "mp:24"])
def test_a_function_has_the_limit_of_its_derivative_at_an_end(name, dtype):
    points = list(ONE_OPERAND[name])
    (found,) = gradients(name, [points], dtype)
    expected = [ONE_OPERAND[name][x] for x in points]
    assert [shown(x + 0.0) for x in found] == [shown(x) for x in expected]


@pytest.mark.parametrize(
    ("name", "x", "limit"),
    [
        *(("asin", 1, INF), ("asin", -1, INF), ("acos", 1, -INF), ("acosh", 1, INF)),
        *(("atanh", -1, INF), ("log1p", -1, INF)),
    ],
)
def test_an_infinite_limit_has_its_sign_where_zero_differences_are_negative(name, x, limit):
    (found,) = gradients(name, [x], "ieee32exec@round=toward_negative")
    assert found == limit


def derivative(name, x):
    """Return a derivative in binary64, whose range is wide enough for the operands here."""
    return {
        "log10": lambda: 1 / (x * math.log(10)),
        "atan": lambda: 1 / (1 + x * x),
        "asinh": lambda: 1 / math.sqrt(x * x + 1),
        "acosh": lambda: 1 / math.sqrt(x * x - 1),
        "rsqrt": lambda: -0.5 * x**-1.5,
        "erf": lambda: 2 / math.sqrt(math.pi) * math.exp(-min(x * x, 700)),
        "exp10": lambda: math.log(10) * 10**x,
    }[name]()


@pytest.mark.parametrize(
    ("dtype", "name", "x"),
    [
        ("float32", "log10", 3e38),
        ("float32", "atan", -2e19),
        ("float32", "asinh", -1e20),
        ("float32", "acosh", 1e20),
        ("binary16", "log10", 6e4),
        ("binary16", "atan", 300.0),
        ("binary16", "asinh", -3e4),
        ("binary16", "acosh", 3e4),
        ("binary16", "rsqrt", 4e4),
        ("e4m3", "asinh", 32.0),
        ("e4m3", "asinh", -448.0),
        ("e4m3", "acosh", 256.0),
        ("e4m3", "atan", 20.0),
        ("e4m3", "rsqrt", 240.0),
        ("e4m3", "log10", 208.0),
        ("e4m3", "erf", 32.0),
        ("e4m3", "erf", -448.0),
    ],
)
def test_an_intermediate_square_or_product_that_overflows_does_not_reach_the_gradient(
    dtype, name, x
):
    scalar = scalar_of(dtype)
    x = float(scalar.to_float(scalar.from_float(x)))
    (found,) = gradients(name, [x], dtype)
    exact, format = derivative(name, x), scalar.format
    least = 2.0 ** (format.emin - format.trailing_bits)
    assert abs(found - exact) <= max(4 * 2.0**-format.precision * abs(exact), 1.5 * least)


def test_an_exponential_whose_factor_overflows_first_multiplies_by_the_cotangent():
    scalar = scalar_of("binary16")
    x = Tensor.of(scalar, 4.75)
    ((found),) = value_and_gradient(lambda p: ops.exp10(p[0]) * 2.0**-8, [x])[1]
    exact = math.log(10) * 10**4.75 * 2.0**-8
    assert abs(found.item() - exact) < exact * 2.0**-8


@pytest.mark.parametrize(
    ("dtype", "y", "x"),
    [
        ("float32", 1e-30, 1e-30),
        ("float32", 1e30, -2e30),
        ("float32", 3e38, 3e38),
        ("binary16", 300.0, 400.0),
        ("binary16", 3e-5, -4e-5),
        ("binary16", 6e4, 6e4),
        ("e4m3", 16.0, 16.0),
        ("e4m3", -448.0, 448.0),
    ],
)
def test_the_gradient_of_an_angle_does_not_overflow_or_underflow_in_the_squares(dtype, y, x):
    scalar = scalar_of(dtype)
    y, x = (float(v) for v in scalar.to_float(scalar.from_float([y, x])))
    radius = math.hypot(x, y)
    exact = (x / radius / radius, -y / radius / radius)
    least = 2.0 ** (scalar.format.emin - scalar.format.trailing_bits)
    for a, b in zip(gradients("atan2", [y, x], dtype), exact, strict=True):
        assert abs(a - b) <= max(4 * 2.0**-scalar.format.precision * abs(b), 1.5 * least)


@pytest.mark.parametrize(("y", "x"), [(INF, 1.0), (-2.0, INF), (INF, -INF)])
def test_the_gradient_of_an_angle_is_zero_at_infinity(y, x):
    assert [float(g) for g in gradients("atan2", [y, x], "float32")] == [0, 0]


@pytest.mark.parametrize(
    ("dtype", "x", "y", "expected"),
    [
        ("float32", INF, 1.0, (1, 0)),
        ("float32", -INF, 1.0, (-1, 0)),
        ("float32", 2.0, INF, (0, 1)),
        ("float32", 3e38, 3e38, (math.sqrt(0.5), math.sqrt(0.5))),
        ("binary16", 6e4, -6e4, (math.sqrt(0.5), -math.sqrt(0.5))),
        ("e4m3", 384.0, 288.0, (0.8, 0.6)),
    ],
)
def test_the_gradient_of_a_length_survives_a_length_beyond_the_format(dtype, x, y, expected):
    tolerance = 3 * 2.0 ** -scalar_of(dtype).format.precision
    assert np.allclose(gradients("hypot", [x, y], dtype), expected, rtol=tolerance, atol=0)


@pytest.mark.parametrize("name", ["atan2", "hypot"])
def test_the_origin_has_no_gradient(name):
    assert np.isnan(gradients(name, [0.0, 0.0], "float32")).all()


BEFORE = {
    "exp10": lambda s, one, z, x: s.mul(z, s.log(s.from_float(10.0))),
    "log10": lambda s, one, z, x: s.div(one, s.mul(x, s.log(s.from_float(10.0)))),
    "log1p": lambda s, one, z, x: s.div(one, s.add(one, x)),
    "asin": lambda s, one, z, x: s.rsqrt(s.sub(one, s.mul(x, x))),
    "acos": lambda s, one, z, x: s.neg(s.rsqrt(s.sub(one, s.mul(x, x)))),
    "atan": lambda s, one, z, x: s.div(one, s.add(one, s.mul(x, x))),
    "asinh": lambda s, one, z, x: s.rsqrt(s.add(s.mul(x, x), one)),
    "acosh": lambda s, one, z, x: s.rsqrt(s.sub(s.mul(x, x), one)),
    "atanh": lambda s, one, z, x: s.div(one, s.sub(one, s.mul(x, x))),
    "rsqrt": lambda s, one, z, x: s.neg(s.div(z, s.add(x, x))),
}


@pytest.mark.parametrize("name", BEFORE)
def test_elsewhere_a_gradient_has_the_bits_of_the_plain_formula(name):
    scalar = scalar_of("float32")
    low, high = {"acosh": (1, 9), "rsqrt": (0, 9), "log10": (0, 9)}.get(name, (-1, 1))
    x = scalar.from_float(np.append(RNG.uniform(low, high, 200), [0.5, -0.0]))
    z, one = getattr(scalar, name)(x), scalar.from_float(1.0)
    x_, ones = Tensor(scalar, x), Tensor.of(scalar, np.ones(x.shape))
    (found,) = value_and_gradient(lambda p: (getattr(ops, name)(p[0]) * ones).sum(), [x_])[1]
    expected = BEFORE[name](scalar, one, z, x)
    defined = ~np.isnan(scalar.to_float(expected))
    assert np.array_equal(scalar.to_bits(found.data)[defined], scalar.to_bits(expected)[defined])


def test_elsewhere_gradients_of_two_operands_have_the_bits_of_the_plain_formulas():
    s = scalar_of("float32")
    x, y = (s.from_float(RNG.uniform(0.01, 9, 200) * np.tile([1, -1], 100)) for _ in range(2))
    one, squares = s.from_float(1.0), s.add(s.mul(x, x), s.mul(y, y))
    absolute = s.abs(x)
    plain = {
        "atan2": (x, y, s.div(y, squares), s.neg(s.div(x, squares))),
        "hypot": (x, y, s.div(x, s.hypot(x, y)), s.div(y, s.hypot(x, y))),
        "pow": (
            *(absolute, y, s.mul(y, s.pow(absolute, s.sub(y, one)))),
            s.mul(s.pow(absolute, y), s.log(absolute)),
        ),
    }
    plain["atan2"] = (x, y, s.div(y, s.add(s.mul(y, y), s.mul(x, x))), plain["atan2"][3])
    for name, (a, b, *expected) in plain.items():
        tensors = [Tensor(s, a), Tensor(s, b)]
        call = getattr(ops, name)
        found = value_and_gradient(lambda p, call=call: call(*p).sum(), tensors)[1]
        for g, e in zip(found, expected, strict=True):
            assert np.array_equal(s.to_bits(g.data), s.to_bits(e)), name


DIFFERENT = {
    ("atan2", (0.0, 0.0)): "there is no limit; PyTorch returns 0",
    ("pow", (INF, -2.0)): "the limit is 0; PyTorch multiplies 0 by infinity",
    ("pow", (0.5, INF)): "the limit is 0; PyTorch multiplies infinity by 0",
    ("pow", (2.0, -INF)): "the limit is 0; PyTorch multiplies infinity by 0",
    ("pow", (0.0, INF)): "the limit is 0; PyTorch multiplies infinity by 0",
    ("pow", (INF, -1.0)): "the limit is 0; PyTorch multiplies 0 by infinity",
    ("hypot", (INF, 1.0)): "the limit is 1; PyTorch divides infinity by infinity",
    ("atan2", (INF, 1.0)): "the limit is 0; PyTorch divides infinity by infinity",
    ("atan2", (INF, INF)): "the limit is 0; PyTorch divides infinity by infinity",
    ("atan2", (1e-30, 1e-30)): "the squares underflow in PyTorch",
    ("maximum", (1.0, 1.0)): "ours goes to the first; PyTorch halves it",
    ("minimum", (1.0, 1.0)): "ours goes to the first; PyTorch halves it",
    ("maximum", (NAN, 1.0)): "ours goes to none; PyTorch's to both",
    ("minimum", (1.0, NAN)): "ours goes to none; PyTorch's to both",
}
"""Where gradients remain different from PyTorch's."""

COMPARED = {
    "pow": [(0, 0), (0, 1), (0, 0.5), (0, -1), (2, 0), (-1, 0), (-2, 3), (NAN, 0), (INF, 2)],
    "hypot": [(0, 0), (3, 4), (INF, INF)],
    "atan2": [(1, 2), (-0.0, -1)],
    "maximum": [(1, 2), (INF, 0)],
    "minimum": [(1, 2), (-INF, 0)],
}


@pytest.mark.parametrize("name", COMPARED)
def test_gradients_are_pytorch_s_except_where_documented(name):
    torch = pytest.importorskip("torch")
    listed = [operands for other, operands in DIFFERENT if other == name]
    for operands in [*COMPARED[name], *listed]:
        operands = tuple(map(float, operands))
        theirs = [torch.tensor(v, dtype=torch.float32, requires_grad=True) for v in operands]
        getattr(torch, name)(*theirs).backward()
        expected = [float(v.grad) + 0.0 for v in theirs]
        found = [float(g) + 0.0 for g in gradients(name, operands, "float32")]
        is_equal = np.allclose(found, expected, rtol=1e-6, equal_nan=True)
        assert is_equal != any(repr(operands) == repr(each) for each in listed), (operands, found)


@pytest.mark.parametrize("name", sorted(ONE_OPERAND))
def test_gradients_of_one_operand_are_pytorch_s_at_the_ends(name):
    torch = pytest.importorskip("torch")
    function = {
        "cbrt": None,
        "exp10": None,
        "softplus": lambda x: torch.nn.functional.softplus(x),
        "erf": torch.erf,
    }.get(name, getattr(torch, name, None))
    if function is None:
        pytest.skip(f"PyTorch has no {name}")
    points = list(ONE_OPERAND[name])
    x = torch.tensor(points, dtype=torch.float32, requires_grad=True)
    function(x).sum().backward()
    (found,) = gradients(name, [points], "float32")
    assert np.array_equal(found, x.grad.double().numpy(), equal_nan=True)
