"""Loss scaling: texts, the rule of the scale, and skipped steps, against numpy and PyTorch."""

import numpy as np
import pytest

from numlean import LossScaling, NumleanError, ScalarTrainer, Tensor, get_scalar, loss_scaled
from numlean.optim import adam, clip_by_norm, sgd
from numlean.precision.loss_scaling import any_nonfinite, inverse, unscaled

TEXTS = {
    "static(1024)": LossScaling.static(1024),
    " static ( scale = 0.5 ) ": LossScaling.static(0.5),
    "dynamic": LossScaling.dynamic(65536, growth=2, backoff=0.5, interval=2000),
    "dynamic()": LossScaling.dynamic(),
    "dynamic(1e3)": LossScaling.dynamic(1000),
    "dynamic(interval=7, growth=1.5)": LossScaling.dynamic(growth=1.5, interval=7),
    "dynamic(4, growth=3, backoff=0.25, interval=1)": LossScaling(4, 3, 0.25, 1),
}
REFUSED = [
    ("", "a loss scaling is none, static.1024."),
    ("Dynamic", "got 'Dynamic'"),
    ("none()", "got 'none..'"),
    ("static", "got 'static'"),
    ("static(0)", "above 0 in binary32, got 0"),
    ("static(-1)", "got -1"),
    ("static(inf)", "got inf"),
    ("static(nan)", "got nan"),
    ("static(3.5e38)", "got 3.5e.38"),
    ("static(1e-46)", "got 1e-46"),
    ("static(1, 2)", "got 'static.1, 2.'"),
    ("dynamic(1, 2)", "got 'dynamic.1, 2.'"),
    ("dynamic(1", "got 'dynamic.1'"),
    ("dynamic(1,)", "got 'dynamic"),
    ("dynamic(2, initial=3)", "got 'dynamic"),
    ("dynamic(step=2)", "got 'dynamic.step=2.'"),
    ("dynamic(growth=1)", "growth of a loss scaling must be finite and above 1, got 1"),
    ("dynamic(growth=inf)", "growth of a loss scaling must be finite and above 1, got inf"),
    ("dynamic(backoff=1)", "backoff of a loss scaling must be above 0 and below 1, got 1"),
    ("dynamic(backoff=0)", "got 0"),
    ("dynamic(interval=0)", "interval of a loss scaling must be from 1 to 16777216, got 0"),
    ("dynamic(interval=16777217)", "got 16777217"),
    ("dynamic(interval=1.5)", "must be an integer, got 1.5"),
    ("dynamic(1\n)" * 50, "got 'dynamic"),
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_mean_a_scaling_and_the_text_of_a_scaling_means_the_same(text):
    assert LossScaling.parse(text) == TEXTS[text]
    assert LossScaling.parse(str(TEXTS[text])) == TEXTS[text]
    assert LossScaling.parse("none") is None


@pytest.mark.parametrize(("text", "part"), REFUSED)
def test_other_texts_are_refused_in_one_line(text, part):
    with pytest.raises(NumleanError, match=part) as caught:
        LossScaling.parse(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


def test_a_dynamic_scale_needs_all_of_its_numbers():
    with pytest.raises(NumleanError, match="growth, backoff and interval, or none"):
        LossScaling(2.0, growth=2.0)


def next_state(scale, good, is_found, scaling):
    """Return S and n after a step in numpy's arithmetic, as PyTorch computes them."""
    if is_found:
        return np.float32(np.float64(scale) * scaling.backoff), 0
    if good + 1 < scaling.interval:
        return scale, good + 1
    with np.errstate(over="ignore"):
        grown = np.float32(np.float64(scale) * scaling.growth)
    return (grown if np.isfinite(grown) else scale), 0


@pytest.mark.parametrize(
    ("scaling", "odds"),
    [
        (LossScaling.dynamic(2.0**110, interval=5), 0.05),  # to the end of the range
        (LossScaling.dynamic(1.7, growth=1.1, backoff=0.3, interval=2), 0.04),
        (LossScaling.dynamic(2.0**-120, growth=3.0, backoff=0.7, interval=1), 0.9),  # down to 0
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float32", "softfloat32"])
def test_the_scale_is_that_of_a_transcription_in_numpy(scaling, odds, dtype):
    scalar, chains = get_scalar(dtype), 16
    steps = 200 if dtype == "float32" else 30
    events = np.random.default_rng(7).random((steps, chains)) < odds
    states = [(np.float32(scaling.initial), 0)] * chains
    scale, good = (
        Tensor.of(scalar, np.full(chains, value)) for value in (states[0][0], states[0][1])
    )
    seen = set()
    for found in events:
        scale, good = scaling.next_scale(scale, good, Tensor.of(scalar, found.astype(float)))
        states = [
            next_state(*state, each, scaling) for state, each in zip(states, found, strict=True)
        ]
        scales, counts = zip(*states, strict=True)
        assert np.array_equal(scalar.to_bits(scale.data), np.array(scales).view(np.uint32))
        assert np.array_equal(scalar.to_float(good.data), counts)
        seen |= set(scales)
    assert len(seen) > 5


def test_the_inverse_is_rounded_to_binary64_and_then_to_binary32():
    scales = np.random.default_rng(3).integers(1, 0x7F800000, 2000, np.uint32).view(np.float32)
    scales = np.append(scales, np.float32([1, 2**-149, 2**127, 3, 65536]))
    with np.errstate(over="ignore"):
        expected = (1.0 / scales.astype(np.float64)).astype(np.float32)
    for dtype in ("float32", "ieee32exec"):
        scalar = get_scalar(dtype)
        found = inverse(Tensor(scalar, scalar.from_float(scales)))
        assert np.array_equal(scalar.to_bits(found.data), expected.view(np.uint32))


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec", "binary16", "e5m2", "mp:30", "float64"])
def test_each_element_that_is_not_finite_is_found(dtype):
    scalar, like = get_scalar(dtype), Tensor.of(get_scalar("float32"), 0.0)
    greatest = 57344.0
    finite = [Tensor.of(scalar, [[1.0, -greatest], [0.0, 2.0]]), Tensor.of(scalar, greatest)]
    assert any_nonfinite(finite, like).item() == 0
    assert any_nonfinite([], like).item() == 0
    assert any_nonfinite([Tensor.of(scalar, np.zeros((0, 2)))], like).item() == 0
    for value in (np.inf, -np.inf, np.nan):
        for place in np.ndindex(2, 2):
            numbers = np.ones((2, 2))
            numbers[place] = value
            assert any_nonfinite([Tensor.of(scalar, numbers), *finite], like).item() == 1
            assert any_nonfinite([*finite, Tensor.of(scalar, numbers)], like).item() == 1


def test_a_format_without_infinities_and_nans_has_only_finite_gradients():
    scalar, like = get_scalar("e4m3@overflow=saturate"), Tensor.of(get_scalar("float32"), 0.0)
    assert any_nonfinite([Tensor.of(scalar, [1e30, -1e30])], like).item() == 0


@pytest.mark.parametrize("dtype", ["float32", "binary16", "bfloat16"])
def test_a_factor_of_one_changes_no_bit(dtype):
    scalar, factor = get_scalar(dtype), Tensor.of(get_scalar("float32"), 1.0)
    width = 16 if dtype != "float32" else 32
    bits = np.random.default_rng(1).integers(0, 2**width, 3000, np.uint64)
    x = scalar.from_bits(bits.astype(f"u{width // 8}"))
    finite = x[np.isfinite(scalar.to_float(x))]
    found = unscaled(Tensor(scalar, finite), factor).data
    assert np.array_equal(scalar.to_bits(found), scalar.to_bits(finite))


def test_narrow_gradients_are_unscaled_in_binary32_and_wide_ones_in_their_own_scalar():
    values = np.random.default_rng(5).standard_normal(500)
    factor = np.float32(1 / 3)
    for dtype, own in (("binary16", np.float16), ("float64", np.float64)):
        scalar = get_scalar(dtype)
        wide = np.float32 if own is np.float16 else np.float64
        expected = (values.astype(own).astype(wide) * wide(factor)).astype(own)
        given = Tensor(scalar, scalar.from_float(values.astype(own)))
        found = unscaled(given, Tensor.of(get_scalar("float32"), float(factor)))
        assert np.array_equal(scalar.to_float(found.data), expected.astype(np.float64))


def overflowing(count, size=3, seed=11):
    """Return factors of parameters, some of which overflow once they are scaled."""
    rng = np.random.default_rng(seed)
    exponents = np.where(rng.random((count, size)) < 0.05, rng.integers(90, 127), 0)
    return np.ldexp(rng.standard_normal((count, size)), exponents).astype(np.float32)


def trained(optimizer, scaling, factors, dtype="float32"):
    """Yield parameters and what loss scaling did, for the loss sum(w * factors)."""
    scalar = get_scalar(dtype)
    start = Tensor.of(scalar, [1.0, 2.0, -3.0])
    trainer = ScalarTrainer(
        lambda params, x, y: (params[0] * x).sum(), [start], loss_scaled(optimizer, scaling)
    )
    for row in factors:
        loss = trainer.step_t(Tensor(scalar, scalar.from_float(row)), None)
        state = {name: xs[0].item() for name, xs in trainer.state.items() if "scaling" in name}
        yield scalar.to_bits(trainer.params[0].data), loss, state


@pytest.mark.parametrize("dtype", ["float32", "softfloat32"])
def test_a_run_with_momentum_is_that_of_a_transcription_in_numpy(dtype):
    scaling = LossScaling.dynamic(2.0**20, growth=3.0, backoff=0.4, interval=3)
    factors = overflowing(200 if dtype == "float32" else 60)
    w, buffer = np.float32([1, 2, -3]), np.zeros(3, np.float32)
    scale, good, skipped = np.float32(scaling.initial), 0, 0
    run = trained(sgd(0.1, 0.9), scaling, factors, dtype)
    for row, (bits, loss, state) in zip(factors, run, strict=True):
        with np.errstate(over="ignore"):
            products = w * row
        assert loss.item() == ((np.float32(0) + products[0]) + products[1]) + products[2]
        with np.errstate(over="ignore", invalid="ignore"):
            gradient = scale * row
        is_found = not np.isfinite(gradient).all()
        if not is_found:
            own = gradient * np.float32(1.0 / np.float64(scale))
            buffer = buffer * np.float32(0.9) + own
            w = w - buffer * np.float32(0.1)
        scale, good = next_state(scale, good, is_found, scaling)
        skipped += is_found
        expected = {"scale": scale, "good_steps": good, "skipped": is_found}
        assert state == {f"loss_scaling.{name}": value for name, value in expected.items()}
        assert np.array_equal(bits, w.view(np.uint32))
    assert 3 < skipped < len(factors) // 2


def test_steps_are_skipped_where_gradscaler_of_pytorch_skips_them():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    numbers = {"init_scale": 2.0**20, "growth_factor": 1.7, "backoff_factor": 0.3}
    scaler = torch.amp.GradScaler("cpu", **numbers, growth_interval=3)
    scaling = LossScaling.dynamic(2.0**20, growth=1.7, backoff=0.3, interval=3)
    factors, rate = overflowing(300), 2.0**-7  # so that the product with the rate is exact
    w = torch.nn.Parameter(torch.tensor([1.0, 2.0, -3.0]))
    optimizer = torch.optim.SGD([w], lr=rate)
    skipped = 0
    for row, (bits, _, state) in zip(factors, trained(sgd(rate), scaling, factors), strict=True):
        optimizer.zero_grad()
        before, scale = w.detach().clone(), scaler.get_scale()
        scaler.scale((w * torch.from_numpy(row)).sum()).backward()
        is_finite = bool(torch.isfinite(w.grad).all())
        scaler.step(optimizer)
        scaler.update()
        assert torch.equal(before, w.detach()) or is_finite
        assert state["loss_scaling.skipped"] == (scaler.get_scale() < scale) == (not is_finite)
        assert state["loss_scaling.scale"] == scaler.get_scale()
        assert state["loss_scaling.good_steps"] == scaler._growth_tracker.item()
        assert np.array_equal(bits, w.detach().numpy().view(np.uint32))
        skipped += not is_finite
    assert 3 < skipped < 100


def test_a_static_scale_stays_and_its_steps_are_skipped_too():
    factors = np.float32([[1, 1, 1], [1, 2.0**127, 1], [2, 0, 0]])
    bits, _, states = zip(*trained(sgd(0.5), LossScaling.static(4.0), factors), strict=True)
    assert [each["loss_scaling.skipped"] for each in states] == [0, 1, 0]
    assert all(set(each) == {"loss_scaling.scale", "loss_scaling.skipped"} for each in states)
    assert {each["loss_scaling.scale"] for each in states} == {4.0}
    assert np.array_equal(bits[0], bits[1])
    assert np.array_equal(bits[2].view(np.float32), np.float32([-0.5, 1.5, -3.5]))


def test_the_count_of_steps_of_adam_does_not_advance_in_a_skipped_step():
    factors = np.float32([[1, 1, 1], [2.0**127, 1, 1], [2, 3, 4]])
    with_skip = list(trained(adam(0.1), LossScaling.static(2.0), factors))
    without = list(trained(adam(0.1), LossScaling.static(2.0), factors[[0, 2]]))
    assert np.array_equal(with_skip[-1][0], without[-1][0])


def test_clipping_sees_gradients_that_are_no_longer_scaled():
    factors = np.float32([[3, 4, 0], [30, 40, 0]])
    scaled = list(trained(clip_by_norm(sgd(1.0), 10.0), LossScaling.static(1024.0), factors))
    plain = list(trained(clip_by_norm(sgd(1.0), 10.0), "none", factors))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(scaled, plain, strict=True))
    with pytest.raises(NumleanError, match="clipped after loss scaling is undone"):
        clip_by_norm(loss_scaled(sgd(1.0), "dynamic"), 10.0)


def test_a_loss_is_scaled_once():
    with pytest.raises(NumleanError, match="scales the loss already"):
        loss_scaled(loss_scaled(sgd(1.0), "dynamic"), "static(2)")
    assert loss_scaled(sgd(1.0), "none") == sgd(1.0)
