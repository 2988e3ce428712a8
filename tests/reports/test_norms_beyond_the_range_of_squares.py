"""Norms and variances of numbers whose squares overflow or underflow in the format.

The expected values are computed in binary64 by numpy, whose range is wide enough, from the numbers
as the format holds them.
"""

import math

import numpy as np
import pytest

import numlean as nl
from numlean import nn, optim
from numlean.analysis.lockstep.growth import norm
from numlean.autograd.tape import value_and_gradient
from numlean.autograd.tensor import Tensor
from numlean.checkpoint.fingerprint import fingerprint
from numlean.data.standardise import standardise_in_scalar
from numlean.digest import state_digest
from numlean.errors import ShapeError
from numlean.nn.layer import EVALUATION, Context, Mode


def scalar_of(dtype):
    """Return a Scalar that compiles nothing."""
    return nl.get_scalar(dtype, "python")


def numbers(dtype, values):
    """Return a tensor, and its numbers in binary64."""
    x = Tensor.of(scalar_of(dtype), np.array(values, np.float64))
    return x, x.to_float()


def close(dtype, found, expected, roundings=8):
    """Compare up to some roundings of the format, and the least numbers for small results."""
    format = scalar_of(dtype).format
    least = 2.0 ** (format.emin - format.trailing_bits)
    tolerance = roundings * 2.0**-format.precision
    return np.allclose(found, expected, rtol=tolerance, atol=least)


CLIPPED = [
    ("binary16", [3e4, 300, 0]),
    ("binary16", [6e4, -6e4, 6e4, 3e4]),
    ("binary16", [3e-4, 4e-4]),
    ("binary16", [6e-8, 0, -6e-8]),
    ("float32", [3e30, 4e30]),
    ("float32", [3e-30, 4e-30]),
    ("bfloat16", [3e38, -3e38, 1e38]),
    ("e5m2", [57344.0, 57344.0]),
    ("e4m3", [448.0, 32.0, -448.0]),
    ("e4m3", [0.002, 0.004]),
    ("ieee32exec@round=toward_zero", [3e30, 4e30]),
    ("e5m2@overflow=saturate", [4e4, 300]),
]


@pytest.mark.parametrize(("dtype", "gradient"), CLIPPED, ids=repr)
@pytest.mark.parametrize("share", [0.5, 2.0])
def test_clipping_by_norm_scales_to_the_limit_or_leaves_all_as_they_are(dtype, gradient, share):
    x, values = numbers(dtype, gradient)
    length = math.hypot(*values)
    limit = x.literal(1.0 if length > 2 else share * length)
    (clipped,) = optim.clip_by_norm(optim.sgd(1.0), 1.0).clip([x], limit)
    scale = min(1.0, limit.item() / length)
    if scale == 1.0:
        assert x.scalar.to_bits(clipped.data).tolist() == x.scalar.to_bits(x.data).tolist()
    assert close(dtype, clipped.to_float(), values * scale)


@pytest.mark.parametrize("dtype", ["float32", "binary16", "e4m3"])
def test_clipping_keeps_gradients_of_zero(dtype):
    x, _ = numbers(dtype, [0.0, -0.0])
    (clipped,) = optim.clip_by_norm(optim.sgd(1.0), 1.0).clip([x], x.literal(1.0))
    assert x.scalar.to_bytes(clipped.data) == x.scalar.to_bytes(x.data)


@pytest.mark.parametrize(("dtype", "values"), [*CLIPPED, ("mp:24", [3e30, 4e-30])], ids=repr)
def test_a_norm_that_fits_does_not_need_squares_that_fit(dtype, values):
    scalar = scalar_of(dtype)
    x = Tensor.of(scalar, np.array(values))
    length = math.hypot(*x.to_float())
    found = optim.global_norm([x]).item()
    if scalar.format is None:
        assert found == pytest.approx(length, rel=1e-6)
    elif length < float(scalar.to_float(scalar.from_bits(scalar.format.max_finite))):
        assert close(dtype, found, length)


def test_the_norm_of_non_finite_gradients_is_not_finite():
    for values, shown in (([math.inf, 1.0], "inf"), ([math.nan, 1.0], "nan")):
        assert repr(optim.global_norm([numbers("float32", values)[0]]).item()) == shown


def test_a_norm_in_range_has_the_bits_of_the_plain_sum():
    rng = np.random.default_rng(5)
    s = scalar_of("float32")
    for size in (1e-15, 1.0, 1e15):
        parts = [Tensor.of(s, rng.standard_normal(shape) * size) for shape in ((3, 4), (5,))]
        total = s.sum(np.concatenate([s.mul(p.data, p.data).reshape(-1) for p in parts]))
        root = s.sqrt(total)
        assert s.to_bits(optim.global_norm(parts).data) == s.to_bits(root)
        limit = s.div(root, s.from_float(3.0))
        clipped = optim.clip_by_norm(optim.sgd(1.0), 1.0).clip(parts, Tensor(s, limit))
        for g, p in zip(clipped, parts, strict=True):
            expected = s.mul(p.data, s.div(limit, root))
            assert np.array_equal(s.to_bits(g.data), s.to_bits(expected))


ROWS = [
    ("binary16", [[300, -300, 400, 200]]),
    ("binary16", [[1e4, 2e4, 3e4, 4e4], [1, 2, 3, 5]]),
    ("binary16", [[6e4, -6e4, -6e4, -6e4]]),
    ("binary16", [[6.4e4, 6.3e4, 6.5e4, 6.4e4]]),
    ("float32", [[1e20, -1e20, 3e20], [1, 2, 4]]),
    ("float32", [[3e38, -3e38, 1e38]]),
    ("e5m2", [[4096, -4096, 8192, 1024]]),
    ("e4m3", [[64, -64, 128, 32]]),
    ("e4m3", [[0.03125, -0.03125, 0.0625, 0]]),
]


def standardized(values, axis, epsilon=1e-5):
    mean = values.mean(axis, keepdims=True)
    return (values - mean) / np.sqrt(values.var(axis, keepdims=True) + epsilon)


@pytest.mark.parametrize(("dtype", "rows"), ROWS, ids=repr)
def test_layer_norm_does_not_need_squares_that_fit(dtype, rows):
    x, values = numbers(dtype, rows)
    ones, zeros = (Tensor.of(x.scalar, np.full(len(rows[0]), v)) for v in (1.0, 0.0))
    z = nn.LayerNorm(len(rows[0]))([ones, zeros], x, EVALUATION)
    epsilon = float(x.literal(1e-5).item())
    assert close(dtype, z.to_float(), standardized(values, -1, epsilon), 16)


@pytest.mark.parametrize(("dtype", "rows"), ROWS, ids=repr)
def test_rms_norm_does_not_need_squares_that_fit(dtype, rows):
    x, values = numbers(dtype, rows)
    ones = Tensor.of(x.scalar, np.ones(len(rows[0])))
    z = nn.RMSNorm(len(rows[0]))([ones], x, EVALUATION)
    epsilon = float(x.literal(1e-5).item())
    rms = np.sqrt((values * values).mean(-1, keepdims=True) + epsilon)
    assert close(dtype, z.to_float(), values / rms, 16)


@pytest.mark.parametrize(("dtype", "rows"), ROWS, ids=repr)
def test_batch_norm_does_not_need_squares_that_fit(dtype, rows):
    x, values = numbers(dtype, np.array(rows).T)
    layer, channels = nn.BatchNorm(len(rows)), len(rows)
    initial = ([1.0] * channels, [0.0] * channels, [0.0] * channels, [1.0] * channels)
    updates = {}
    context = Context(Mode.TRAIN, buffer_updates=updates)
    z = layer([Tensor.of(x.scalar, v) for v in initial], x, context)
    epsilon = float(x.literal(1e-5).item())
    assert close(dtype, z.to_float(), standardized(values, 0, epsilon), 16)
    largest = float(x.scalar.to_float(x.scalar.from_bits(x.scalar.format.max_finite)))
    variance = 0.9 + 0.1 * values.var(0)
    fits = values.var(0) < largest
    assert close(dtype, updates["running_var"].to_float()[fits], variance[fits], 16)
    assert close(dtype, updates["running_mean"].to_float(), 0.1 * values.mean(0), 16)


def running_variance(x, dtype="float32", **options):
    layer, updates = nn.BatchNorm(x.shape[1], **options), {}
    scalar = scalar_of(dtype)
    parameters = [Tensor.of(scalar, np.full(x.shape[1], v)) for v in (1.0, 0.0, 0.0, 1.0)]
    layer(parameters, Tensor.of(scalar, x), Context(Mode.TRAIN, buffer_updates=updates))
    return updates["running_var"].to_float()


@pytest.mark.parametrize("shape", [(2, 3), (5, 2, 3), (3, 2, 2, 2)])
def test_the_running_variance_is_biased_or_as_an_option_pytorch_s(shape):
    x = np.random.default_rng(3).standard_normal(shape)
    axes = (0, *range(2, x.ndim))
    biased, unbiased = (0.9 + 0.1 * x.var(axes, ddof=n) for n in (0, 1))
    assert np.allclose(running_variance(x), biased, rtol=1e-6)
    found = running_variance(x, unbiased_running_var=True)
    assert np.allclose(found, unbiased, rtol=1e-6)
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn, f"BatchNorm{max(x.ndim - 2, 1)}d")(shape[1])
    theirs(torch.tensor(x, dtype=torch.float32))
    assert np.allclose(found, theirs.running_var.numpy(), rtol=1e-6)


def test_an_unbiased_variance_of_one_number_is_refused_as_in_pytorch():
    with pytest.raises(ShapeError, match=r"BatchNorm\(2.* more than one number per channel"):
        running_variance(np.ones((1, 2)), unbiased_running_var=True)


def test_a_batch_norm_without_the_option_is_described_as_before():
    assert "unbiased" not in repr(fingerprint(nn.BatchNorm(3)))
    assert "unbiased" in repr(fingerprint(nn.BatchNorm(3, unbiased_running_var=True)))


def test_the_norm_of_a_crosscheck_is_infinite_only_beyond_binary64():
    assert norm([np.full(4, 1.7e308)]) == math.inf
    assert norm([np.array([3e-320, -4e-320])]) == pytest.approx(5e-320, rel=1e-3)
    assert norm([np.array([6e307]), np.array([-8e307])]) == pytest.approx(1e308)


def test_a_row_of_equal_numbers_is_normalized_to_zero():
    for dtype, value in (("binary16", 6e4), ("float32", 3e38), ("e4m3", 448.0), ("e4m3", 1.0)):
        x, _ = numbers(dtype, [[value] * 4])
        ones, zeros = (Tensor.of(x.scalar, np.full(4, v)) for v in (1.0, 0.0))
        z = nn.LayerNorm(4)([ones, zeros], x, EVALUATION)
        assert z.to_float().tolist() == [[0.0] * 4], dtype


def test_the_gradient_of_layer_norm_does_not_depend_on_the_unit():
    # The layer is invariant to the unit, so its gradient is that of the smaller unit, divided.
    s = scalar_of("float32")
    weight = np.array([1.0, -2.0, 3.0, 0.5])

    def gradient(x):
        parameters = [Tensor.of(s, np.ones(4)), Tensor.of(s, np.zeros(4))]

        def loss(p):
            return (nn.LayerNorm(4, 1e-30)(parameters, p[0], EVALUATION) * weight).sum()

        return value_and_gradient(loss, [Tensor.of(s, x)])[1][0].to_float()

    x = np.array([[1.0, 2.0, 4.0, -3.0]])
    unit = 2.0**70
    assert np.array_equal(gradient(x * unit) * unit, gradient(x))


@pytest.mark.parametrize(
    ("dtype", "column"),
    [
        ("binary16", [300, -300, 400, 200]),
        ("binary16", [6e4, -6e4, 3e4, 6e4]),
        ("binary16", [1e-4, 2e-4, 4e-4, 3e-4]),
        ("float32", [1e30, 2e30, -4e30, 0]),
        ("float32", [1e-30, 2e-30, -4e-30, 0]),
        ("e4m3", [64, -64, 128, 32]),
    ],
)
def test_standardisation_in_a_scalar_does_not_need_squares_that_fit(dtype, column):
    x, values = numbers(dtype, np.array(column)[:, None])
    z = standardise_in_scalar(x, x)
    assert close(dtype, z.to_float(), standardized(values, 0, 0.0), 16)


def test_standardisation_leaves_a_constant_column_in_its_unit():
    x, _ = numbers("binary16", [[1e-4], [1e-4], [1e-4]])
    other, _ = numbers("binary16", [[3e-4]])
    assert standardise_in_scalar(x, other).item() == pytest.approx(2e-4, rel=1e-2)


def test_a_recorded_step_divides_by_what_its_own_numbers_need():
    layers = (nn.Linear(3, 4), nn.BatchNorm(4), nn.LayerNorm(4), nn.RMSNorm(4), nn.Linear(4, 1))
    task = nl.Task.regression(nn.Sequential(*layers))

    def run(backend):
        """Return the losses and parameters of steps, the third of which needs a division."""
        options = nl.Options(backend=backend, seed=1)
        runner = nl.instantiate(task, scalar_of("binary16"), options)
        stepper = nl.Stepper(runner, nl.clip_by_norm(nl.sgd(0.1), 1e-2))
        rng = np.random.default_rng(0)
        for unit in (1.0, 1.0, 3e3, 1e-4):
            x, y = rng.uniform(-unit, unit, (5, 3)), rng.uniform(-1, 1, (5, 1))
            loss = stepper.step(nl.Batch(x, y))
            yield loss.item(), state_digest(runner.named_parameters)

    eager = list(run("eager"))
    assert all(math.isfinite(loss) for loss, _ in eager)
    assert list(run("compiled")) == eager
