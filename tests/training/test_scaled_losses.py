"""Runs that scale their loss: both engines, buffers, checkpoints, certificates and logs."""

from dataclasses import replace

import numpy as np
import pytest

import numlean as nl
from numlean import nn
from numlean.certificate.file_format import dumps
from numlean.checkpoint import Run, load, resume, save
from numlean.cli.train.monitor import TrainingMonitor
from numlean.precision import parse_policy
from numlean.training import Options

TASK = nl.Task.regression(
    nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm(2), nn.Flatten(), nn.Linear(8, 1))
)
RNG = np.random.default_rng(17)
DATA = nl.Dataset.of_arrays(RNG.standard_normal((8, 1, 3, 3)), RNG.standard_normal((8, 1)))
RATE = nl.optim.schedules.step(0.1, 3)
SCALING = "dynamic(3e38, growth=4, interval=2)"
"""The gradients overflow binary32 at first, and again each time the scale has grown enough."""

OPTIMIZER = nl.loss_scaled(nl.clip_by_norm(nl.adam(0.05), 0.5), SCALING)
CONFIG = nl.TrainConfig(9, 4, OPTIMIZER, RATE, 0)


def stepper(backend="eager", dtype="float32", optimizer=OPTIMIZER, seed=0):
    runner = nl.instantiate(TASK, dtype, Options(backend=backend, seed=seed))
    return nl.Stepper(runner, optimizer, RATE)


def numbers(stepper):
    """Return all numbers of a run as a digest."""
    named = [*stepper.runner.named_parameters]
    named += [(f"{name} {k}", x) for name, xs in stepper.state.items() for k, x in enumerate(xs)]
    return nl.state_digest(named)


def made(own, steps, log=None):
    """Make steps; return which were skipped, and the numbers after each."""
    skipped, digests = [], []

    def note(own, loss):
        skipped.append(own.scaled_steps[-1].is_skipped)
        digests.append(numbers(own))

    config = replace(CONFIG, steps=steps)
    if log is None:
        nl.run_steps(own.runner, config, DATA, on_step=note, stepper=own)
    else:
        nl.train_minibatches(own.runner, config, DATA, log=log, on_step=note, stepper=own)
    return skipped, digests


def test_both_engines_skip_the_same_steps_and_have_the_same_bits():
    eager, compiled = (made(stepper(backend), 9) for backend in ("eager", "compiled"))
    assert eager == compiled
    assert 0 < sum(eager[0]) < 9


@pytest.mark.parametrize("text", ["fp16-amp,loss_scaling=dynamic(1e5, growth=3, interval=1)"])
def test_so_do_runs_by_a_policy(text):
    own = [stepper(backend, parse_policy(text), nl.adam(0.05)) for backend in ("eager", "compiled")]
    eager, compiled = (made(each, 9) for each in own)
    assert eager == compiled
    assert 0 < sum(eager[0]) < 9


def test_a_skipped_step_keeps_parameters_and_state_but_updates_buffers_and_advances():
    own = stepper(optimizer=nl.loss_scaled(nl.adam(0.05), "static(3e38)"))
    own.step(next(iter(DATA.minibatches(4))))
    assert own.scaled_steps[-1].is_skipped
    before = stepper()
    pairs = zip(before.runner.named_parameters, own.runner.named_parameters, strict=True)
    changed = {name for (name, x), (_, y) in pairs if not np.array_equal(x.data, y.data)}
    assert changed == {spec.name for spec in TASK.model.parameters if not spec.is_trainable}
    assert all(np.array_equal(x.data, y.data) for x, y in inner_state(before, own))
    assert (own.step_count, own.schedule_count, own.runner.clock.step) == (1, 1, 1)


def inner_state(one, other):
    for name, tensors in one.state.items():
        if not name.startswith("loss_scaling."):
            yield from zip(tensors, other.state[name], strict=True)


def test_a_loss_in_reports_and_hooks_is_not_scaled():
    plain, scaled = stepper(optimizer=nl.adam(0.05)), stepper()
    batch = next(iter(DATA.minibatches(4)))
    assert np.array_equal(plain.step(batch).data, scaled.step(batch).data)
    assert not plain.scaled_steps


def test_loops_log_each_skipped_update():
    lines = []
    skipped, _ = made(stepper(), 9, log=lines.append)
    logged = [line for line in lines if line.startswith("update")]
    assert len(logged) == sum(skipped)
    first = skipped.index(True)
    assert logged[0].startswith(f"update {first}: skipped, as a gradient is not finite; the next ")


@pytest.mark.parametrize("after", [1, 4])
@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_a_resumed_run_goes_on_with_the_scale_of_its_checkpoint(tmp_path, backend, after):
    path, run = tmp_path / "run.safetensors", Run(CONFIG, DATA, "scaled")
    first = stepper(backend)
    made(first, after)
    save(path, first, run)
    assert {"loss_scaling.scale", "loss_scaling.good_steps"} <= set(load(path).state)
    then = stepper(backend, seed=5)
    resume(path, then, run)
    assert made(then, 9)[1] == made(stepper(backend), 9)[1][after:]


def test_a_certificate_records_scales_and_skipped_steps(tmp_path):
    certificate = nl.certify(TASK, "float32", config=CONFIG, data=DATA)
    skipped, _ = made(stepper(), 9)
    assert [step.scaling.is_skipped for step in certificate.steps] == skipped
    path = tmp_path / "certificate.json"
    certificate.save(path)
    assert nl.Certificate.load(path) == certificate
    found = nl.replay(path, "float32:cpu:compiled", task=TASK, config=CONFIG, data=DATA)
    assert (found.difference, found.identical_steps) == (None, 9)
    content = path.read_text()
    text = '"0x1.c363ccp+126"'
    scale = certificate.steps[0].scaling.scale
    assert content.count(scale) >= 1
    path.write_text(content.replace(f'"{scale}"', text, 1))
    with pytest.raises(nl.NumleanError, match="altered at step 0"):
        nl.Certificate.load(path)


def test_a_certificate_without_loss_scaling_has_no_entries_of_it():
    config = replace(CONFIG, optimizer=nl.sgd(0.1), steps=2)
    document = nl.certify(TASK, "float32", config=config, data=DATA).document()
    assert all(len(step.to_list()) == 3 for step in document.steps)
    assert b"scaling" not in dumps(document)


def test_a_replay_names_the_first_other_loss_scale():
    certificate = nl.certify(TASK, "float32", config=CONFIG, data=DATA)
    step = certificate.steps[1]
    other = step._replace(scaling=step.scaling._replace(good_steps=7))
    altered = replace(certificate, steps=(certificate.steps[0], other, *certificate.steps[2:]))
    found = nl.replay(altered, task=TASK, config=CONFIG, data=DATA)
    assert (found.difference.step, found.difference.what) == (1, "loss scale after it")


class NoInterrupt:
    requested = False


def test_a_line_of_the_log_says_whether_the_step_was_skipped():
    for optimizer, names in ((OPTIMIZER, {"skipped", "next_loss_scale"}), (nl.sgd(0.1), set())):
        lines, own = [], stepper(optimizer=optimizer)
        own.runner.keeps_outputs = True
        config = replace(CONFIG, optimizer=optimizer, steps=2)
        monitor = TrainingMonitor(
            config, None, NoInterrupt(), lambda note, count: None, lines.append
        )
        nl.run_steps(own.runner, config, DATA, on_step=monitor, stepper=own)
        assert {name for line in lines for name in line if "s" in name} >= names
        assert ("skipped" in lines[0]) == bool(names)
        assert monitor.skipped_steps == [each["step"] for each in lines if each.get("skipped")]


def test_a_policy_and_the_optimizer_do_not_both_scale_the_loss():
    with pytest.raises(nl.NumleanError, match="set its field loss_scaling"):
        stepper(dtype=parse_policy("fp16-amp"))
    with pytest.raises(nl.NumleanError, match="policy field loss_scaling: a loss scaling is none"):
        parse_policy("fp16-amp,loss_scaling=Static(2)")
