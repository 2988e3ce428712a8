"""Checkpoints restore the numbers of every arithmetic exactly."""

import numpy as np
import pytest
from mpmath import mp, mpf

from numlean import NumleanError, Task, Tensor, get_scalar
from numlean.autograd.indices import INDEX
from numlean.checkpoint import CheckpointError, load, save
from numlean.checkpoint.raw_numbers import RawTensor, from_raw, to_raw
from numlean.errors import UnavailableError
from numlean.nn import Linear
from numlean.scalar.dtype import Dtype
from numlean.scalar.registry import scalar_backends

RNG = np.random.default_rng(103)
FURTHER = ("ieee:e6m9", "ieee32exec@round=stochastic")


def with_encodings():
    names = [name for name, backend in scalar_backends() if backend.format is not None]
    return [*names, *FURTHER]


def some_encodings(format):
    """Return all encodings if there are few; else random ones and all kinds of special ones."""
    if format.width <= 16:
        return np.arange(1 << format.width, dtype=np.uint64)
    sign, infinity = format.sign_mask, format.infinity
    nans = [infinity + 1, infinity + 7, format.default_nan, format.default_nan + 5]
    special = [0, 1, infinity, *nans, format.max_finite]
    random = [int(x) & (2 * sign - 1) for x in RNG.integers(0, 2**63, 200)]
    return np.array(special + [x | sign for x in special] + random, dtype=np.uint64)


@pytest.mark.parametrize("dtype", with_encodings())
def test_encodings_are_restored_with_signs_and_payloads(dtype):
    try:
        scalar = get_scalar(dtype)
    except UnavailableError as error:
        pytest.skip(str(error))
    bits = some_encodings(scalar.format)
    x = Tensor(scalar, scalar.from_bits(bits.reshape(2, -1)))
    numbers = to_raw(x)
    assert (numbers.kind, numbers.shape) == ("encodings", x.shape)
    assert np.array_equal(numbers.array.astype(np.uint64).ravel(), bits)
    back = from_raw(numbers, scalar)
    assert np.array_equal(scalar.to_bits(back.data), scalar.to_bits(x.data))


@pytest.mark.parametrize("precision", [1, 24, 200, 3000])
def test_numbers_without_an_encoding_are_restored_from_exact_text(precision):
    scalar = get_scalar(f"mp:{precision}")
    values = [
        mpf("inf"),
        mpf("-inf"),
        mpf("nan"),
        mpf(0),
        mp.ldexp(1, 10**9),
        mp.ldexp(-3, -(10**9)),
    ]
    with mp.workprec(precision + 10):
        values += [mpf(1) / 3, -mp.sqrt(2), mp.pi, mpf(1), mpf(-0.375)]
    x = Tensor(scalar, scalar.from_exact(np.array([*values, mpf(7)], dtype=object).reshape(3, 4)))
    numbers = to_raw(x)
    assert (numbers.kind, numbers.array.dtype, numbers.shape) == ("text", np.uint8, (3, 4))
    back = from_raw(numbers, scalar)
    assert scalar.to_bytes(back.data) == scalar.to_bytes(x.data)
    assert back.shape == x.shape


@pytest.mark.parametrize("dtype", ["float32", "mp:30"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (1, 1, 1)])
def test_shapes_without_axes_and_without_elements_are_kept(dtype, shape):
    scalar = get_scalar(dtype)
    back = from_raw(to_raw(Tensor.of(scalar, np.ones(shape))), scalar)
    assert back.shape == shape
    assert np.array_equal(back.to_float(), np.ones(shape))


def test_a_stranger_s_numbers_without_a_format_are_kept_exactly(monkeypatch, case, path, state_of):
    monkeypatch.syspath_prepend("examples/plugin")
    import fixed_point

    fixed = case(fixed_point.make(Dtype.parse("fixed32:16"), "cpu"))
    whole = fixed.saved_after(4, path)
    assert state_of(fixed.finish(fixed.resumed(path))) == state_of(whole)


class Lossy:
    """A Scalar that has two numbers of one value, and a minus zero."""

    name, format = "lossy", None

    def to_exact(self, x):
        return np.array([mpf(abs(int(v)) // 2) for v in x.flat], dtype=object).reshape(x.shape)

    def from_exact(self, values):
        return np.array([int(v) * 2 for v in np.asarray(values).flat]).reshape(np.shape(values))

    def to_bytes(self, x):
        return x.tobytes()

    def neg(self, x):
        return np.where(x == 0, -1, -x)


def test_minus_zero_is_kept_where_exact_values_lack_it():
    scalar, x = Lossy(), np.array([0, -1, 4, 0])
    numbers = to_raw(Tensor(scalar, x))
    assert bytes(numbers.array) == b"0:0:0\n-0\n0:1:1\n0:0:0"
    assert np.array_equal(from_raw(numbers, scalar).data, x)


def test_numbers_that_exact_values_do_not_distinguish_are_not_saved():
    with pytest.raises(CheckpointError, match="lossy"):
        to_raw(Tensor(Lossy(), np.array([4, 5])))


def test_indices_are_kept_as_they_are():
    x = np.array([[0, 2**62], [3, 1]])
    back = from_raw(to_raw(Tensor(INDEX, x)), get_scalar("float32"))
    assert back.scalar is INDEX
    assert np.array_equal(back.data, x)


@pytest.mark.parametrize(
    ("dtype", "numbers"),
    [
        ("mp:9", RawTensor("text", (2,), np.frombuffer(b"0:1:0", np.uint8))),
        ("mp:9", RawTensor("text", (1,), np.frombuffer(b"0:1", np.uint8))),
        ("mp:9", RawTensor("text", (1,), np.frombuffer(b"0:-1:0", np.uint8))),
        ("mp:9", RawTensor("text", (1,), np.frombuffer(b"\xff\n", np.uint8))),
        ("mp:9", RawTensor("encodings", (1,), np.zeros(1, np.uint32))),
        ("float32", RawTensor("text", (1,), np.frombuffer(b"0:1:0", np.uint8))),
        ("float32", RawTensor("encodings", (1,), np.zeros(1, np.uint64))),
        ("float32", RawTensor("encodings", (2,), np.zeros(1, np.uint32))),
        ("ieee:e6m9", RawTensor("encodings", (1,), np.full(1, 1 << 16, np.uint32))),
        ("ieee:e4m5", RawTensor("encodings", (1,), np.full(1, 1 << 10, np.uint16))),
        ("float32", RawTensor("indices", (1,), np.zeros(1, np.uint32))),
    ],
)
def test_numbers_that_the_scalar_lacks_are_refused(dtype, numbers):
    with pytest.raises(NumleanError):
        from_raw(numbers, get_scalar(dtype))


def test_extra_state_is_restored_exactly(case, path):
    run = case("mp:70")
    stepper = run.fresh()
    loss = stepper.step(run.data.stacked())
    save(path, stepper, run.run, extra_state={"best": [loss, Tensor(INDEX, np.array([3]))]})
    state = load(path).state_dict(run.scalar)
    kept, count = state["best"]
    assert run.scalar.to_bytes(kept.data) == run.scalar.to_bytes(loss.data)
    assert count.data.tolist() == [3]
    assert list(state) == ["best"]


def test_two_parameters_of_one_name_are_not_saved(case, path):
    class Twice(Linear):
        @property
        def parameters(self):
            weight, _ = super().parameters
            return weight, weight

    run = case("float32", task=Task.regression(Twice(3, 2)))
    with pytest.raises(CheckpointError, match="two tensors have the name 'parameters/weight'"):
        save(path, run.fresh(), run.run)
    assert not path.exists()
