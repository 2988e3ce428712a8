"""Gradients against numerical derivatives at 200 bits, and against cases worked by hand."""

import gc
import weakref

import numpy as np
import pytest

from numlean import Tensor, functional, get_scalar
from numlean.autograd import Tape, value_and_gradient
from numlean.autograd import primitives as ops
from numlean.autograd.indices import INDEX
from numlean.errors import MixedScalarError, ShapeError
from numlean.losses import cross_entropy_one_hot

MP = get_scalar("mp:200@engine=mpmath")
RNG = np.random.default_rng(53)
A, B = RNG.standard_normal((2, 3)), RNG.standard_normal((2, 3))
POSITIVE = np.abs(A) + 0.5
ONE_HOT = np.eye(3)[[2, 0]]

PLACES = Tensor(INDEX, np.array([[2, 0, -1], [2, 3, 2]]))

PROGRAMS = {
    "add": (lambda x, y: x + y, A, B),
    "add broadcast": (lambda x, y: x + y, A, B[0]),
    "sub": (lambda x, y: x - y, A, B),
    "sub broadcast": (lambda x, y: x - y, A[:, :1], B),
    "mul": (lambda x, y: x * y, A, B),
    "mul broadcast": (lambda x, y: x * y, A[:1], B),
    "div": (lambda x, y: x / y, A, POSITIVE),
    "neg": (lambda x: -x, A),
    "sqrt": (ops.sqrt, POSITIVE),
    "exp": (ops.exp, A),
    "log": (ops.log, POSITIVE),
    "tanh": (ops.tanh, A),
    "sinh": (ops.sinh, A),
    "cosh": (ops.cosh, A),
    "sin": (ops.sin, A),
    "cos": (ops.cos, A),
    "tan": (ops.tan, A),
    "acos": (lambda x: ops.acos(0.4 * x), A),
    "atan": (ops.atan, A),
    "expm1": (ops.expm1, A),
    "log1p": (ops.log1p, POSITIVE),
    "rsqrt": (ops.rsqrt, POSITIVE),
    "sigmoid": (ops.sigmoid, A),
    "softplus": (ops.softplus, A),
    "erf": (ops.erf, A),
    "pow": (ops.pow_, POSITIVE, B),
    "pow broadcast": (ops.pow_, POSITIVE, B[0]),
    "exp2": (ops.exp2, A),
    "exp10": (ops.exp10, A),
    "log2": (ops.log2, POSITIVE),
    "log10": (ops.log10, POSITIVE),
    "cbrt": (ops.cbrt, POSITIVE),
    "asin": (lambda x: ops.asin(0.4 * x), A),
    "asinh": (ops.asinh, A),
    "acosh": (lambda x: ops.acosh(x + 1.0), POSITIVE),
    "atanh": (lambda x: ops.atanh(0.4 * x), A),
    "hypot": (ops.hypot, A, B),
    "hypot broadcast": (ops.hypot, A, B[0]),
    "atan2": (ops.atan2, A, B),
    "fma": (ops.fma, A, B, POSITIVE),
    "fma broadcast": (ops.fma, A, B[0], POSITIVE[:, :1]),
    "softmax": (functional.softmax, A),
    "log_softmax": (functional.log_softmax, A),
    "silu": (functional.silu, A),
    "gelu": (functional.gelu, A),
    "gelu by tanh": (lambda x: functional.gelu(x, approximate="tanh"), A),
    "cross-entropy": (lambda x: cross_entropy_one_hot()(x, Tensor.of(MP, ONE_HOT)), A),
    "abs": (ops.abs_, A),
    "relu": (ops.relu, A),
    "maximum": (ops.maximum, A, B),
    "minimum": (ops.minimum, A, B),
    "where": (lambda x: ops.where(Tensor.of(MP, B), Tensor.of(MP, A), x, relation="lt"), A),
    "matmul": (lambda x, y: x @ y, A, B.T.copy()),
    "fused matmul": (lambda x, y: ops.matmul(x, y, contraction="fma"), A, B.T.copy()),
    "sum": (lambda x: x.sum(), A),
    "sum of an axis": (lambda x: x.sum(0), A),
    "sum keeping an axis": (lambda x: x.sum(-1, keepdims=True), A),
    "pairwise sum": (lambda x: x.sum(1, reduction="pairwise"), A),
    "mean": (lambda x: x.mean(1), A),
    "part": (lambda x: x[1, ::-1] * x[0][:1], A),
    "broadcast": (lambda x: ops.broadcast_to(x, (4, 2, 3)), A),
    "reshape": (lambda x: x.reshape(3, -1), A),
    "transpose": (lambda x: x.T, A),
    "permute": (lambda x: ops.permute(x.reshape(1, 2, 3), (2, 0, 1)), A),
    "slice": (lambda x: ops.slice_(x, (slice(None), slice(0, 3, 2))), A),
    "concat": (lambda x, y: ops.concat([x, y, x], 1), A, B),
    "take": (lambda x: ops.take(x, PLACES), A),
    "scatter_add": (lambda x: ops.scatter_add(x, PLACES, shape=(2, 2)), A),
    "composition": (lambda x, y: ops.tanh(x @ y.T) * ops.exp(-x.sum()), A, B),
}


def weighted(program):
    """Return a function that adds up the output's elements, each times its own weight."""

    def number(parameters):
        z = program(*parameters)
        weights = Tensor.of(MP, np.linspace(0.3, 1.7, z.size).reshape(z.shape))
        return (z * weights).sum()

    return number


@pytest.mark.parametrize("case", PROGRAMS)
def test_gradients_equal_central_differences_at_200_bits(case):
    program, *arguments = PROGRAMS[case]
    number = weighted(program)
    parameters = [Tensor.of(MP, a) for a in arguments]
    _, gradients = value_and_gradient(number, parameters)
    step = 2.0**-40
    for index, parameter in enumerate(parameters):
        assert gradients[index].shape == parameter.shape
        for place in np.ndindex(parameter.shape):
            ends = []
            for h in (step, -step):
                moved = parameter.data.copy()
                moved[place] = MP.add(_one(moved[place]), MP.from_float(h)).item()
                trial = list(parameters)
                trial[index] = Tensor(MP, moved)
                ends.append(number(trial))
            slope = (ends[0] - ends[1]) / (2 * step)
            error = (slope - Tensor(MP, _one(gradients[index].data[place]))).item()
            assert abs(error) < 1e-20, (index, place)


def _one(number):
    return np.array(number, object)


def scalar_gradient(program, *values):
    s = get_scalar("float64")
    parameters = [Tensor.of(s, [v]) for v in values]
    return [g.item() for g in value_and_gradient(lambda p: program(*p).sum(), parameters)[1]]


def test_cases_worked_by_hand():
    assert scalar_gradient(lambda x, y: x * y + x, 3.0, 4.0) == [5.0, 3.0]
    assert scalar_gradient(lambda x: x * x * x, 2.0) == [12.0]
    assert scalar_gradient(lambda x, y: x / y, 1.0, 2.0) == [0.5, -0.25]
    assert scalar_gradient(lambda x: 1.0 / x, 2.0) == [-0.25]
    assert scalar_gradient(lambda x: 3 - 2 * x, 7.0) == [-2.0]


def test_the_subgradients_at_a_kink_are_those_stated():
    assert scalar_gradient(ops.relu, 0.0) == [0.0]
    assert scalar_gradient(ops.abs_, 0.0) == [0.0]
    assert scalar_gradient(ops.maximum, 1.0, 1.0) == [1.0, 0.0]
    assert scalar_gradient(ops.minimum, 1.0, 1.0) == [1.0, 0.0]


def test_the_gradient_of_a_power_at_base_zero_is_zero_in_the_exponent():
    assert scalar_gradient(ops.pow_, 0.0, 2.0) == [0.0, 0.0]
    assert np.isnan(scalar_gradient(ops.pow_, -2.0, 2.0)[1])


def test_a_parameter_the_value_does_not_depend_on_has_gradient_zero():
    assert scalar_gradient(lambda x, y: x + 0 * x, 1.0, 2.0) == [1.0, 0.0]
    s = get_scalar("float32")
    unused, (gradient,) = value_and_gradient(lambda p: Tensor.of(s, 2.0), [Tensor.of(s, [1, 2])])
    assert unused.item() == 2.0
    assert gradient.to_float().tolist() == [0.0, 0.0]


def test_cotangents_that_meet_are_added_in_the_order_of_the_backward_sweep():
    s = get_scalar("float32")
    big, small = 1.0, 2.0**-24

    def program(parameters):
        (x,) = parameters
        # Swept backwards, x receives small, small, big: exact only if added in that order.
        return (x * big + x * small + x * small).sum()

    _, (gradient,) = value_and_gradient(program, [Tensor.of(s, [1.0])])
    assert gradient.item() == 1.0 + 2.0**-23


def test_only_a_single_number_has_a_gradient():
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        value_and_gradient(lambda p: p[0], [Tensor.of(MP, [1, 2, 3])])


def test_scalars_and_tapes_are_not_mixed():
    a, b = Tensor.of(get_scalar("float32"), [1.0]), Tensor.of(get_scalar("ieee32exec"), [1.0])
    with pytest.raises(MixedScalarError, match="float32 on cpu and ieee32exec on cpu"):
        a + b
    python = Tensor.of(get_scalar("ieee32exec", "python"), [1.0])
    with pytest.raises(MixedScalarError, match="on python"):
        b + python
    with pytest.raises(MixedScalarError, match="two different tapes"):
        Tape().watch(a) + Tape().watch(a)


def test_shapes_that_do_not_fit_are_shown():
    a = Tensor.of(MP, A)
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        a @ a
    with pytest.raises(ShapeError, match=r"\(2, 3\) into \(4, 2\)"):
        a.reshape(4, 2)


def test_a_tensor_shows_its_values_and_its_scalar():
    assert repr(Tensor.of(get_scalar("float32"), [0.5])) == "Tensor([0.5], float32 on cpu)"


def test_operands_of_a_gradient_are_freed_without_a_search_for_cycles():
    arrays = []

    def program(watched):
        (x,) = watched
        y = x * x
        arrays.append(weakref.ref(y.data))
        return y.sum()

    x = Tensor.of(get_scalar("float64"), A)
    gc.disable()
    try:
        value_and_gradient(program, [x])
        assert all(array() is None for array in arrays)
    finally:
        gc.enable()
