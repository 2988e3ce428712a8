"""Delayed scales as state of a run: both engines, predictions, files, and layers of all kinds."""

from dataclasses import dataclass

import numpy as np
import pytest

import numlean as nl
from numlean import Options, Task, instantiate, nn, stepper
from numlean.analysis.lockstep import crosscheck
from numlean.certificate import Recorder
from numlean.checkpoint import Run, export, resume, save
from numlean.checkpoint.weights import weights_of
from numlean.data import Batch, Dataset
from numlean.errors import NumleanError
from numlean.nn.layer import Context, Mode
from numlean.optim import sgd
from numlean.precision import parse_policy, policies
from numlean.precision.delayed_scales import PREFIX
from numlean.training import TrainConfig, run_steps

RNG = np.random.default_rng(23)
DELAYED = "fp8-delayed,scaling=delayed(history=3)"
TASK = Task.regression(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
DATA = Dataset.of_arrays(RNG.standard_normal((8, 3)), RNG.standard_normal((8, 2)))
CONFIG = TrainConfig(4, 4, sgd(0.1, 0.9), seed=0)


def make(text=DELAYED, task=TASK, backend="eager", **options):
    return instantiate(
        task, parse_policy(text), Options(backend=backend, device="python"), **options
    )


def numbers(runner):
    return {name: p.to_float().tolist() for name, p in runner.named_parameters}


def scales(runner):
    return {name: each for name, each in numbers(runner).items() if name.startswith(PREFIX)}


def trained(runner, steps=2, start=None):
    """Make steps; return the stepper."""
    own = start or stepper(runner, CONFIG.optimizer)
    run_steps(runner, TrainConfig(steps, 4, CONFIG.optimizer, seed=0), DATA, stepper=own)
    return own


def test_a_run_keeps_a_scale_and_a_history_of_each_tensor_of_a_product():
    runner = make()
    tensors = [f"{k}.weight.{role}" for k in (0, 2) for role in ("input", "weight", "gradient")]
    expected = {f"{PREFIX}{each}.scale": 1.0 for each in tensors}
    expected |= {f"{PREFIX}{each}.history": [0.0] * 3 for each in tensors}
    assert scales(runner) == expected
    assert [p.dtype for p in runner.params] == ["float32"] * 16
    assert runner.model_params == tuple(runner.params[:4])
    trained(runner)
    found = scales(runner)
    assert found.keys() == expected.keys()
    assert all(found[name] != each for name, each in expected.items())
    assert not scales(make("fp8-current"))
    excepted = make(f"{DELAYED},except.last=bf16-mixed")
    assert {name.split(".")[1] for name in scales(excepted)} == {"0"}


def test_predictions_and_losses_use_the_scales_and_change_nothing():
    runner = make()
    trained(runner)
    before, x = numbers(runner), DATA.x
    for set_mode in (runner.train, runner.eval):
        set_mode()
        found = runner.predict(x)
        runner.loss(Batch(DATA.x, DATA.y))
        runner.loss_and_gradient(Batch(DATA.x, DATA.y))
        runner.refresh_buffers(Batch(DATA.x, DATA.y))
    runner.backward(Batch(DATA.x, DATA.y))
    assert numbers(runner) == before
    fresh = make()
    fresh.params = [*runner.params[:4], *fresh.params[4:]]
    assert fresh.predict(x).tolist() != found.tolist()
    fresh.params = runner.params
    assert fresh.predict(x).tolist() == found.tolist()


def test_the_scales_of_a_step_follow_from_the_steps_before_it():
    runner = make(f"{DELAYED},forward.input_scaling=delayed(history=3,algo=most_recent)")
    own = stepper(runner, sgd(0.0))
    first = f"{PREFIX}0.weight.input"
    for k in range(5):
        x = RNG.standard_normal((2, 3)) * 2.0**-k
        own.step(Batch(x, np.zeros((2, 2))))
        amax = float(np.abs(x.astype(np.float32)).max())
        assert numbers(runner)[f"{first}.history"][-1] == amax
        assert numbers(runner)[f"{first}.scale"] == float(np.float32(448) / np.float32(amax))
    second = numbers(runner)[f"{first}.1.scale"]  # of the gradient of weights, by max
    assert second < numbers(runner)[f"{first}.scale"]


MODEL = nn.Sequential(
    nn.Residual(nn.LayerNorm(2), nn.MultiHeadAttention(2, 1, causal=True)),
    nn.RNN(2, 1, bidirectional=True),
    nn.GatedScan(2, 1),
    nn.GRU(2, 2, last_only=True),
    nn.Reshape(1, 1, 2),
    nn.Conv2d(1, 2, (1, 2), groups=1),
    nn.Flatten(),
    nn.Linear(2, 2),
)


def test_layers_of_all_kinds_have_the_same_bits_on_both_engines():
    task, found = Task.regression(MODEL), []
    for backend in ("eager", "compiled"):
        runner = make(task=task, backend=backend)
        own = stepper(runner, sgd(0.1))
        rng = np.random.default_rng(3)
        for _ in range(2):
            own.step(Batch(rng.standard_normal((2, 3, 2)), rng.standard_normal((2, 2))))
        found.append(nl.state_digest(runner.named_parameters))
    assert found[0] == found[1]
    state = scales(runner)
    assert {name.removeprefix(PREFIX) for name in state if name.endswith(".scale")} >= {
        "0.1.scores.left.scale",
        "0.1.values.gradient.scale",
        "1.1.weight_hh_l0.input.scale",
        "2.out_proj.weight.weight.scale",
        "5.weight.input.scale",
    }
    assert all(each != 1 for name, each in state.items() if name.endswith(".scale"))


def test_a_tensor_that_is_used_several_times_in_a_step_has_the_greatest_magnitude_of_all_uses():
    task = Task.regression(nn.Sequential(nn.RNN(1, 2)))
    runner = make(task=task)
    x = np.array([[[1.0], [-8.0], [0.5], [2.0]]])
    states = np.abs(runner.predict(x).to_float())  # the last one enters no product
    stepper(runner, sgd(0.1)).step(Batch(x, np.zeros((1, 4, 2))))
    found = numbers(runner)
    assert found[f"{PREFIX}0.weight_hh_l0.input.history"][-1] == states[:, :-1].max()
    assert found[f"{PREFIX}0.weight_ih_l0.input.history"][-1] == 8


def test_a_skipped_step_still_observes_and_an_overflow_in_a_history_is_not_the_end_of_a_run():
    runner = make(f"{DELAYED},loss_scaling=static(3e38)")
    log = []
    config = TrainConfig(2, 4, CONFIG.optimizer, seed=0)
    data = Dataset.of_arrays(DATA.x, 64 * DATA.y)
    nl.train_minibatches(runner, config, data, log=log.append)
    assert any("skipped" in line for line in log)
    assert not any("not finite (" in line for line in log)
    found = scales(runner)
    assert np.inf in found[f"{PREFIX}2.weight.gradient.history"]
    assert found[f"{PREFIX}2.weight.gradient.scale"] == 1
    assert found[f"{PREFIX}2.weight.input.scale"] != 1


@pytest.fixture(scope="module")
def whole():
    """Return a run of four steps, and its certificate."""
    runner = make()
    own = stepper(runner, CONFIG.optimizer)
    recorder = Recorder(own, Run(CONFIG, DATA, "own"), fast_kernels=False)
    run_steps(runner, CONFIG, DATA, stepper=own, on_step=recorder)
    return own, recorder.certificate(steps_asked=4)


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_a_resumed_run_ends_with_the_same_bits(whole, tmp_path, backend):
    run, path = Run(CONFIG, DATA), tmp_path / "run.ckpt"
    save(path, trained(make(), 2), run)
    other = stepper(make(backend=backend), CONFIG.optimizer)
    resume(path, other, run)
    trained(other.runner, 4, other)
    assert numbers(other.runner) == numbers(whole[0].runner)
    export(path, tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz", allow_pickle=False) as file:
        assert not any(name.startswith(PREFIX) for name in file.files)
    other_history = stepper(make("fp8-delayed"), CONFIG.optimizer)
    with pytest.raises(NumleanError, match="another run: policy"):
        resume(path, other_history, run)


def test_certificates_have_the_scales_and_are_replayed(whole):
    own, certificate = whole
    assert certificate.final["state_digest"] == nl.state_digest(own.runner.named_parameters)
    altered = list(own.runner.params)
    altered[-1] = altered[-1] + 1.0
    names = (name for name, _ in own.runner.named_parameters)
    other = nl.state_digest([*zip(names, altered, strict=True)])
    assert other != certificate.final["state_digest"]


def test_initial_values_take_the_scales_of_the_same_policy():
    runner = make()
    trained(runner)
    assert numbers(make(initial=runner)) == numbers(runner)
    assert numbers(make(initial=list(runner.params))) == numbers(runner)
    weights = make(initial=list(runner.params[:4]))
    for other in (weights, make("fp8-delayed", initial=runner), make("bf16-mixed", initial=runner)):
        assert [p.to_float().tolist() for p in other.params[:4]] == [
            p.to_float().tolist() for p in runner.params[:4]
        ]
        assert all(each == 1 for name, each in scales(other).items() if name.endswith("scale"))


@pytest.mark.parametrize("text", [DELAYED, "bf16-sr"])
def test_a_checkpoint_is_a_source_of_initial_values(text, tmp_path):
    runner, path = make(text), tmp_path / "run.ckpt"
    save(path, trained(runner, 1), Run(CONFIG, DATA))
    assert numbers(make(text, initial=weights_of(TASK, path))) == numbers(runner)


def test_two_runs_are_compared_with_their_scales():
    policy = parse_policy(DELAYED)
    config = TrainConfig(2, 4, CONFIG.optimizer, seed=0)
    settings = {"config": config, "data": DATA, "options": Options(device="python")}
    assert crosscheck(TASK, policy, policy, **settings).identical
    other = policy.with_exceptions({"2 Linear": parse_policy("fp8-current")})
    (pair,) = crosscheck(TASK, policy, other, **settings).pairs
    assert str(pair.divergence.where).startswith("forward, 2 Linear")


@dataclass(frozen=True)
class Undeclared(nn.Layer):
    """A layer that calls another one that it does not declare."""

    inner: nn.Layer
    name = "Undeclared"

    @property
    def parameters(self):
        return nn.layer.qualified_parameters([self.inner])

    def __call__(self, parameters, x, context):
        return self.inner(parameters, x, context.at(0))


def test_a_product_that_no_layer_declares_is_refused_by_name():
    task = Task.regression(nn.Sequential(Undeclared(nn.Linear(2, 2))))
    with pytest.raises(NumleanError, match=r"layer 0\.0 makes a product without a name, .* none"):
        make(task=task).predict(np.zeros((1, 2)))
    make("fp8-current", task=task).predict(np.zeros((1, 2)))
    context = Context(Mode.EVAL, arithmetics=make().precision.layers)
    weight = nl.Tensor.of(make().scalar, np.zeros((2, 2)))
    with pytest.raises(NumleanError, match="follow from earlier steps; bind the scale"):
        nn.Linear(2, 2, bias=False)([weight], weight, context)


def test_a_trainer_of_single_samples_refuses_delayed_scales():
    with pytest.raises(NumleanError, match="keeps no delayed scales"):
        nl.ScalarTrainer.of(TASK, policies.get("fp8-delayed"))
