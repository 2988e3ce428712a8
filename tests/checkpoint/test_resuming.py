"""A run resumed from a checkpoint has the bits of one that was never interrupted."""

from dataclasses import replace

import numpy as np
import pytest

from numlean import NumleanError, Task, TrainConfig, get_task, state_digest
from numlean.checkpoint import CheckpointError, Run, load, resume, save
from numlean.data import Dataset, minibatches
from numlean.nn import Linear, Sequential, Tanh
from numlean.nn.activation import Elementwise
from numlean.optim import sgd
from numlean.training import run_steps

DTYPES = ("float64", "float32", "ieee32exec", "bfloat16", "e4m3", "mp:200", "ieee:e6m9")
STOCHASTIC = "ieee32exec@round=stochastic"


@pytest.mark.parametrize("step", [0, 1, 5, 11])
@pytest.mark.parametrize("dtype", [*DTYPES, STOCHASTIC])
def test_parameters_buffers_moments_and_random_numbers_resume(case, path, state_of, dtype, step):
    run = case(dtype)
    whole = run.saved_after(step, path)
    resumed = run.resumed(path)
    assert resumed.step_count == step
    assert state_of(run.finish(resumed)) == state_of(whole)


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec"])
def test_digits_resumed_in_the_midst_of_an_epoch_end_with_the_same_digest(case, path, dtype):
    task = get_task("digits")
    config = TrainConfig(steps=50, batch_size=32, optimizer=sgd(0.1, 0.9), seed=1)
    run = case(dtype, task=task.task, data=task.load().train, config=config)
    whole = run.saved_after(43, path)  # an epoch has 45 batches
    resumed = run.finish(run.resumed(path))
    digests = [state_digest(s.runner.named_parameters) for s in (whole, resumed)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("step", [4, 11])
def test_random_numbers_after_the_last_step_are_the_same_too(case, path, step):
    run = case(STOCHASTIC)
    whole = run.saved_after(step, path)
    resumed = run.finish(run.resumed(path))
    resumed.runner.train()
    losses = [stepper.runner.mean_loss(run.data) for stepper in (whole, resumed)]
    assert run.scalar.to_bytes(losses[0].data) == run.scalar.to_bytes(losses[1].data)


@pytest.mark.parametrize(("first", "then"), [("eager", "compiled"), ("compiled", "eager")])
def test_a_run_can_resume_with_another_backend(case, path, first, then):
    plain = Task.regression(Sequential(Linear(3, 4), Tanh(), Linear(4, 2)))
    run = case("float32", task=plain, backend=first)
    whole = run.saved_after(5, path)
    resumed = run.finish(run.resumed(path, backend=then))
    assert state_digest(resumed.runner.named_parameters) == state_digest(
        whole.runner.named_parameters
    )


def test_the_same_state_is_the_same_file(case, path):
    run = case("float32")
    stepper = run.saved_after(5, path)
    save(path, stepper, run.run)
    whole = path.read_bytes()
    run.saved_after(5, path)
    save(path, run.finish(run.resumed(path)), run.run)
    assert path.read_bytes() == whole


def test_a_stepper_can_be_reset_to_an_earlier_state(case, path, state_of):
    run = case("float32")
    whole = run.saved_after(5, path)
    expected = state_of(whole)
    resume(path, whole, run.run)
    assert state_of(run.finish(whole)) == expected


def test_a_schedule_resumes_at_its_position(case, path, state_of):
    config = replace(case("float32").config, scheduler=lambda step: 0.1 / (step + 1))
    run = case("float32", config=config)
    whole = run.saved_after(6, path)
    assert state_of(run.finish(run.resumed(path))) == state_of(whole)


@pytest.mark.parametrize(
    ("dtype", "change", "words"),
    [
        ("float64", {}, ["dtype", "'float32'", "'float64'"]),
        ("float32", {"batch_size": 2}, ["batch_size is 3", "2 here"]),
        ("float32", {"seed": 5}, ["seed is 4", "5 here"]),
        ("float32", {"optimizer": sgd(0.05, 0.8)}, ["optimizer.momentum is 0.9", "0.8 here"]),
        ("float32", {"optimizer": sgd(0.05)}, ["optimizer.momentum", "0.0 here"]),
        ("float32", {"scheduler": lambda step: 0.05}, ["schedule is None", "lambda"]),
    ],
)
def test_another_configuration_is_refused_and_the_difference_is_named(
    case, path, dtype, change, words
):
    case("float32").saved_after(2, path)
    other = case(dtype, config=replace(case("float32").config, **change))
    check_refusal(other, path, words)


def check_refusal(case, path, words):
    stepper = case.fresh()
    before = state_digest(stepper.runner.named_parameters)
    with pytest.raises(CheckpointError) as caught:
        resume(path, stepper, case.run)
    message = str(caught.value)
    assert message.startswith(f"{path}: a checkpoint of another ")
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert (stepper.step_count, state_digest(stepper.runner.named_parameters)) == (0, before)


def test_another_model_task_and_data_are_refused_and_the_difference_is_named(case, path):
    run = case("float32")
    run.saved_after(2, path)
    tanh = Task.regression(Sequential(Linear(3, 4), Tanh(), Linear(4, 2)))
    check_refusal(case("float32", task=tanh), path, ["model.layers is 4 long", "3 long here"])
    data = Dataset.of_arrays(run.data.x, -run.data.y)
    check_refusal(case("float32", data=data), path, ["data.sha256"])
    run.run = Run(run.config, run.data, "another")
    check_refusal(run, path, ["task is 'case'", "'another' here"])


RATES = {0: 0.1, 1: 0.1}


def table_of_rates(step):
    return RATES.get(step, 0.05)


def test_a_schedule_of_the_same_name_with_other_rates_is_refused(case, path, monkeypatch):
    run = case("float32", config=replace(case("float32").config, scheduler=table_of_rates))
    run.saved_after(2, path)
    monkeypatch.setitem(RATES, 1, 0.2)
    check_refusal(run, path, ["schedule", "rate at 1", "0.1", "0.2"])


def test_a_schedule_whose_closure_has_another_rate_is_refused(case, path):
    def run_at(rate):
        return case("float32", config=replace(case("float32").config, scheduler=lambda step: rate))

    run_at(0.1).saved_after(2, path)
    check_refusal(run_at(0.2), path, ["schedule.sha256"])


def test_a_model_with_another_lambda_is_refused(case, path, state_of):
    def run_with(function):
        layers = Sequential(Linear(3, 4), Elementwise("Scale", function), Linear(4, 2))
        return case("float32", task=Task.regression(layers))

    whole = run_with(lambda x: x * 2).saved_after(2, path)
    run = run_with(lambda z: z * 2)  # names of variables do not matter
    assert state_of(run.finish(run.resumed(path))) == state_of(whole)
    check_refusal(run_with(lambda x: x * 3), path, ["layers.1.function.sha256"])


def test_how_long_a_run_is_does_not_matter_but_no_step_is_undone(case, path, state_of):
    run, config = case("float32"), case("float32").config
    run.saved_after(11, path)
    longer, shorter = (case("float32", config=replace(config, steps=n)) for n in (14, 10))
    assert state_of(longer.finish(longer.resumed(path))) == state_of(longer.finish(longer.fresh()))
    with pytest.raises(NumleanError, match=r"already made 11 steps, but config\.steps is 10"):
        shorter.finish(shorter.resumed(path))


def test_a_checkpoint_describes_its_run(case, path):
    case("e4m3").saved_after(3, path)
    found = load(path)
    assert (found.step, found.last_rate) == (3, 0.05)
    rule = found.run["optimizer"]
    assert (rule["class"], rule["lr"], rule["momentum"]) == ("SGD", 0.05, 0.9)
    assert found.run["data"]["samples"] == 7
    assert list(found.parameters)[2:5] == ["2.weight", "2.seen", "2.half"]
    assert {name: len(group) for name, group in found.state.items()} == {"momentum": 5}


@pytest.mark.parametrize("size", [1, 6, 7])
def test_batches_from_a_position_on_are_those_of_the_whole_stream(size):
    data = Dataset.of_arrays(np.arange(7.0), np.arange(7.0))
    batches = minibatches(data, size, seed=3)
    expected = [next(batches).x.tolist() for _ in range(20)]
    for start in range(17):
        late = minibatches(data, size, seed=3, start=start)
        assert [next(late).x.tolist() for _ in range(3)] == expected[start : start + 3]
    with pytest.raises(NumleanError, match="-1"):
        minibatches(data, size, seed=3, start=-1)


def test_a_stepper_of_another_runner_is_refused(case, path):
    run = case("float32")
    with pytest.raises(NumleanError, match="different runner"):
        run_steps(run.fresh().runner, run.config, run.data, stepper=run.fresh())
