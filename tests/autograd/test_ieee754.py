"""Operations of IEEE 754-2019 on tensors, by kernels and composed, against numpy and rationals."""

import math

import numpy as np
import pytest

import numlean as nl
from numlean import NumleanError, get_scalar
from numlean.autograd.tape import Tape
from numlean.errors import UnavailableError
from numlean.scalar import further
from numlean.scalar.wrappers import WrappedScalar

VALUES = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 0.75, -7.0, math.inf, -math.inf, math.nan, 3.0]
PAIRS = [(a, b) for a in VALUES for b in VALUES]
X, Y = (np.array(column) for column in zip(*PAIRS, strict=True))


class Wrapper(WrappedScalar):
    """A Scalar around another one, for which every operation is composed."""

    def around(self, operation, call, operands, options):
        return call(*operands, **options)


def tensors(dtype, wrapped=False):
    scalar = get_scalar(dtype, None if dtype.startswith("mp") else "python")
    scalar = Wrapper(scalar) if wrapped else scalar
    return nl.Tensor.of(scalar, X), nl.Tensor.of(scalar, Y)


def same(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    return bool(np.all((a == b) & (np.signbit(a) == np.signbit(b)) | np.isnan(a) & np.isnan(b)))


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("dtype", ["binary16", "float32"])
@pytest.mark.parametrize("name", ["fmod", "rint", "trunc", "floor", "ceil"])
def test_functions_of_numpy_have_numpy_s_values(dtype, wrapped, name):
    x, y = tensors(dtype, wrapped)
    function = getattr(np, name)
    with np.errstate(all="ignore"):
        expected = function(X, Y) if name == "fmod" else function(X)
    ours = getattr(nl.ieee754, name)(*((x, y) if name == "fmod" else (x,)))
    assert same(ours.to_float(), expected)
    assert same(function(*((x, y) if name == "fmod" else (x,))).to_float(), expected)


@pytest.mark.parametrize("wrapped", [False, True])
def test_nextafter_is_numpy_s(wrapped):
    x, y = tensors("float32", wrapped)
    with np.errstate(all="ignore"):
        expected = np.nextafter(X.astype(np.float32), Y.astype(np.float32))
    assert same(np.nextafter(x, y).to_float(), expected)


@pytest.mark.parametrize("name", sorted(further.ARITIES))
@pytest.mark.parametrize("dtype", ["e5m2", "e4m3", "binary16@nan=x86"])
def test_composed_operations_have_the_numbers_of_kernels(dtype, name):
    (x, y), (a, b) = tensors(dtype), tensors(dtype, wrapped=True)
    kernel = further.compute(x.scalar, name, x.data, y.data)
    composed = further.compute(a.scalar, name, a.data, b.data)
    numbers = (x.scalar.to_float(z) for z in (kernel, composed))
    assert same(*numbers), name


@pytest.mark.parametrize("dtype", ["mp:20", "float64", "binary16"])
def test_extrema_of_numbers_and_magnitudes(dtype):
    x, y = tensors(dtype)
    nan_x, nan_y = np.isnan(X), np.isnan(Y)
    least = np.where(nan_x, Y, np.where(nan_y, X, np.minimum(X, Y)))
    nearer = np.where(abs(X) < abs(Y), X, np.where(abs(Y) < abs(X), Y, np.minimum(X, Y)))
    farther = np.where(abs(X) > abs(Y), X, np.where(abs(Y) > abs(X), Y, np.maximum(X, Y)))
    expected = {
        "minimum_number": least,
        "minimum_magnitude": np.where(nan_x | nan_y, np.nan, nearer),
        "maximum_magnitude_number": np.where(nan_x, Y, np.where(nan_y, X, farther)),
    }
    for name, values in expected.items():
        z = getattr(nl.ieee754, name)(x, y).to_float()
        assert np.array_equal(z, values, equal_nan=True), name
    assert np.array_equal(np.fmin(x, y).to_float(), least, equal_nan=True)


@pytest.mark.parametrize("dtype", ["binary16", "float32", "mp:30"])
def test_numbers_become_integers_of_every_kind(dtype):
    scalar = get_scalar(dtype, None if dtype.startswith("mp") else "python")
    x = nl.Tensor.of(scalar, [0.0, 2.5, -2.5, 127.0])
    assert nl.ieee754.to_integers(x, "int8").tolist() == [0, 2, -2, 127]
    assert nl.ieee754.to_integers(x, "int64", "RNE").tolist() == [0, 2, -2, 127]
    assert nl.ieee754.to_integers(x, "uint16", "RU", beyond="wrap").tolist() == [0, 3, 65534, 127]
    assert nl.ieee754.to_integers(x, "uint8", beyond="saturate").tolist() == [0, 2, 0, 127]
    for kind in further.INTEGERS:
        z = nl.ieee754.to_integers(x[0:2], kind)
        assert (z.dtype, z.tolist()) == (np.dtype(kind), [0, 2])
    big = nl.Tensor.of(scalar, [300.0, -300.0, math.inf, -math.inf, math.nan])
    clipped = nl.ieee754.to_integers(big, "int8", beyond="saturate")
    assert clipped.tolist() == [127, -128, 127, -128, 0]
    assert nl.ieee754.to_integers(big, "int8", beyond="wrap").tolist() == [44, -44, 0, 0, 0]
    assert nl.ieee754.to_integers(big[0:0], "int8").shape == (0,)
    with pytest.raises(NumleanError, match=r"300.0, -300.0, inf and 2 more .*int8"):
        nl.ieee754.to_integers(big, "int8")
    for wrong in (("int7",), ("int8", "up"), ("int8", "RZ", "clip")):
        with pytest.raises(NumleanError, match="known"):
            nl.ieee754.to_integers(x, *wrong[:2], **({"beyond": wrong[2]} if wrong[2:] else {}))


def test_flags_of_single_elements_are_next_to_the_results():
    binary32 = get_scalar("ieee32exec", "python")
    x, y = (nl.Tensor.of(binary32, v) for v in ([1.0, 1.0, 1e38], [0.0, 3.0, 1e-10]))
    z, flags = nl.ieee754.flagged("div", x, y)
    assert (z.to_float().tolist()[0], flags.tolist()) == (math.inf, [8, 1, 5])
    s = get_scalar("binary16", "python")
    quiet, signalling, one = (nl.Tensor(s, s.from_bits([b])) for b in (0x7E00, 0x7D00, 0x3C00))
    for name, x, answer, raised in (
        ("lt", quiet, False, 0),
        ("lt", signalling, False, 16),
        ("signalling_lt", quiet, False, 16),
        ("signalling_eq", one, True, 0),
    ):
        z, flags = nl.ieee754.flagged(name, x, one)
        assert (z.tolist(), flags.tolist()) == ([answer], [raised]), name
    z, flags = nl.ieee754.flagged("minimum_number", signalling, 1.0)
    assert (z.to_float().tolist(), flags.tolist()) == ([1.0], [16])
    z, flags = nl.ieee754.flagged("to_int8 toward_zero saturate", nl.Tensor.of(s, [300.0]))
    assert (z.tolist(), flags.tolist()) == ([127], [16])


def test_what_has_no_flags_no_gradient_or_two_scalars_is_refused():
    x = nl.Tensor.of("float32", [1.5])
    with pytest.raises(UnavailableError, match="flagged add"):
        nl.ieee754.flagged("add", x, x)
    with pytest.raises(UnavailableError, match="flags"):
        nl.ieee754.flagged("add", *[nl.Tensor.of("binary16@round=stochastic", [1.0])] * 2)
    with pytest.raises(NumleanError, match="detach"):
        nl.ieee754.fmod(Tape().watch(x), 2.0)
    with pytest.raises(NumleanError, match="cast"):
        nl.ieee754.fmod(x, nl.Tensor.of("binary16", [1.0]))
    with pytest.raises(NumleanError, match="Tensor"):
        nl.ieee754.fmin(1.0, 2.0)
    assert nl.ieee754.round_to_integral(x).to_float().tolist() == [2.0]


@pytest.mark.parametrize(
    ("text", "value", "flags"),
    [
        ("minimum_number(snan, 1)", "1.0", nl.Flags(invalid=1)),
        ("minimum_number(nan, 1) + fmin(3, 2)", "3.0", nl.Flags()),
        ("nextafter(1, 2)", "1.0000001", nl.Flags()),
    ],
)
def test_expressions_have_them(text, value, flags):
    seen = nl.evaluate(text, "ieee32exec")
    assert (seen.value, seen.flags) == (value, flags)


def test_expressions_in_other_arithmetics_and_their_errors():
    assert nl.evaluate("fmod(7, -4)", "mp:40").value == "3.0"
    assert nl.evaluate("minimum_magnitude_number(nan, 2)", "float64").value == "2.0"
    seen = nl.evaluate("maximum_magnitude(1/3, -2/3) + rint(2.5)", "float64")
    assert abs(seen.error_ulp - 2 / 3) < 1e-6
