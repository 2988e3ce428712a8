"""Losses that are reported: the same measure in every arithmetic, however coarse it is."""

import copy
import json
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from mpmath import mp, mpf

from numlean import (
    Batch,
    Dataset,
    EarlyStopping,
    NumleanError,
    Options,
    Task,
    Tensor,
    compare,
    epochs,
    get_scalar,
    get_task,
    instantiate,
    sgd,
    stepper,
    steps,
    train,
    train_minibatches,
)
from numlean.cli.main import main
from numlean.data import DataLoader
from numlean.losses import cross_entropy, cross_entropy_one_hot
from numlean.losses.exact_mean import Items, exact_mean
from numlean.nn import Linear, Sequential
from numlean.optim import adam
from numlean.training import Evaluation

RNG = np.random.default_rng(10)
X = RNG.standard_normal((600, 2))
LABELS = (X[:, 0] > X[:, 1]).astype(int)
DATA = Dataset.of_arrays(X, np.eye(2)[LABELS])
DIGITS = get_task("digits")
TASK = Task.classification(Sequential(Linear(2, 2)))


def exact_loss(runner, data):
    """Return the mean of the cross-entropies of a runner's logits, with 200 bits, rounded once."""
    return mean_of_logits(runner.predict(np.asarray(data.x)).to_float(), np.asarray(data.y))


def mean_of_logits(outputs, targets):
    """Return the mean of the cross-entropies of logits, with 200 bits, rounded once."""
    rows = zip(outputs, targets, strict=True)
    with mp.workprec(200):
        total = sum(
            y * (mp.log(sum(mp.exp(mpf(a)) for a in row)) - mpf(float(x)))
            for row, target in rows
            for x, y in zip(row.tolist(), target.tolist(), strict=True)
        )
        return float(total / len(outputs))


def test_the_initial_loss_of_digits_is_the_true_one():
    runner, data = instantiate(DIGITS.task, "bfloat16"), DIGITS.load().train
    loss = runner.reported_loss(data)
    assert loss == exact_loss(runner, data)
    assert loss == pytest.approx(2.41, abs=0.01)
    # A sum that stalls at 1024, divided by 1437.
    assert loss.in_format.item() == pytest.approx(0.711, rel=1e-2)


@pytest.mark.parametrize(
    ("dtype", "in_format"),
    [
        ("e5m2", 0.0469),  # a sum that stalls at 28, divided by 600
        ("e4m3", math.nan),  # 600 is beyond 448
    ],
)
def test_losses_of_eight_bits_are_the_true_ones(dtype, in_format):
    runner, data = instantiate(DIGITS.task, "float32"), DIGITS.load().train.split_at(600)[0]
    narrow = get_scalar(dtype, "python")
    logits = Tensor.of(narrow, runner.predict(np.asarray(data.x)).to_float())
    targets = Tensor.of(narrow, np.asarray(data.y))
    loss = exact_mean(DIGITS.task.loss, [(logits, targets)], Items.SAMPLES)
    assert loss == mean_of_logits(logits.to_float(), np.asarray(data.y))
    assert loss == pytest.approx(runner.reported_loss(data), abs=0.03)
    mean = DIGITS.task.loss.per_sample(logits, targets).mean().item()
    assert mean == pytest.approx(in_format, rel=1e-2, nan_ok=True)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_loop_reports_exact_losses_before_and_after(dtype):
    logs = []
    of = {"log": logs.append}
    config = steps(2, batch_size=8, optimizer=sgd(0.25), log_every=0)
    runner, report = train(TASK, dtype, config, DATA, **of)
    assert report.after == exact_loss(runner, DATA)
    assert report.before == exact_loss(instantiate(TASK, dtype), DATA)
    runner, report, _ = train(TASK, dtype, epochs(1, log_every=0), DataLoader(DATA, 300), **of)
    assert report.after == exact_loss(runner, DATA)
    runner = instantiate(TASK, dtype)
    report = train_minibatches(runner, config, DATA, **of)
    assert report.after == exact_loss(runner, DATA)


def test_what_is_trained_on_stays_in_the_format():
    runner = instantiate(TASK, "bfloat16")
    loss = stepper(runner, sgd(0.25)).step(DATA.get(0))
    assert loss.scalar == get_scalar("bfloat16")
    assert runner.mean_loss(DATA).item() == runner.reported_loss(DATA).in_format.item()
    # 600 losses below 1: from 128 on, a unit of the sum is 1.
    assert runner.mean_loss(DATA).item() < 0.95 * runner.reported_loss(DATA)


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_a_step_reports_the_exact_loss_of_its_batch_before_the_update(backend):
    runner = instantiate(TASK, "float32", Options(backend=backend))
    runner.keeps_outputs = True
    step = stepper(runner, sgd(0.5))
    for start in (0, 8, 16):
        batch = Batch(X[start : start + 8], np.eye(2)[LABELS[start : start + 8]])
        expected = exact_loss(runner, Dataset.of_arrays(*batch))
        loss = step.step(batch)
        assert step.reported_loss() == expected
        assert step.reported_loss().in_format.item() == loss.item()


def test_early_stopping_compares_exact_losses_and_remembers_them():
    hook = EarlyStopping(1, DATA, 2)
    config = steps(6, batch_size=50, optimizer=sgd(0.5), log_every=0)
    runner = instantiate(TASK, "bfloat16")
    train_minibatches(runner, config, DATA, on_step=hook, log=lambda line: None)
    assert all(each.loss != each.loss.in_format.item() for each in hook.evaluations)
    assert hook.best.loss == min(each.loss for each in hook.evaluations)
    assert hook.best is not hook.evaluations[0]
    copied = EarlyStopping(1, DATA, 2)
    copied.load_state_dict(hook.state_dict())
    assert copied.best.loss == hook.best.loss
    assert copied.best.loss.in_format.item() == hook.best.loss.in_format.item()


def test_an_older_state_of_early_stopping_has_the_loss_of_the_format():
    hook = EarlyStopping(1, DATA, 2)
    config = steps(1, batch_size=50, optimizer=sgd(0.5), log_every=0)
    train_minibatches(instantiate(TASK, "float32"), config, DATA, on_step=hook)
    (calls, without, best, loss, *params) = hook.state_dict()["evaluations"]
    older = best.like(best.data[:1])
    hook.load_state_dict({"evaluations": [calls, without, older, loss, *params]})
    assert hook.best.loss == loss.item()


def test_a_regression_is_measured_by_the_exact_squares():
    y = np.linspace(-1, 1, 600).reshape(600, 1)
    task, data = Task.regression(Sequential(Linear(2, 1))), Dataset.of_arrays(X, y)
    runner = instantiate(task, "bfloat16")
    pairs = zip(runner.predict(X).to_float().flat, runner.tensor(y).to_float().flat, strict=True)
    squares = [(Fraction(a) - Fraction(b)) ** 2 for a, b in pairs]
    assert runner.reported_loss(data) == float(sum(squares) / 600)


def test_a_reported_loss_is_a_number_that_can_be_copied():
    loss = instantiate(TASK, "float32").reported_loss(DATA)
    for copied in (copy.copy(loss), copy.deepcopy(loss), pickle.loads(pickle.dumps(float(loss)))):
        assert copied == loss
    assert loss.item() == float(loss)
    assert json.loads(json.dumps(loss)) == loss
    assert loss.data.shape == loss.shape == ()


def test_the_command_line_reports_exact_losses_and_those_of_the_format(capsys, tmp_path):
    log = tmp_path / "log.jsonl"
    arguments = ["--steps", "4", "--eval-every", "2", "--log", str(log), "--json"]
    assert main(["train", "iris", "--dtype", "bfloat16", *arguments]) == 0
    report = json.loads(capsys.readouterr().out)
    task = get_task("iris")
    runner = instantiate(task.task, "bfloat16")
    split = task.load_for(runner.scalar)
    assert report["loss_before"] == runner.reported_loss(split.train)
    assert report["loss_before_in_format"] == runner.mean_loss(split.train).item()
    lines = [json.loads(line) for line in log.read_text().splitlines()][1:]
    assert lines[3]["test_loss"] == report["test_loss"] == report["evaluations"][1]["test_loss"]
    assert lines[3]["test_loss_in_format"] == report["test_loss_in_format"]
    assert abs(lines[0]["exact_loss"] / report["loss_before"] - 1) < 0.3
    assert lines[0]["exact_loss"] != lines[0]["loss"]


def test_a_comparison_draws_the_exact_losses():
    config = steps(2, batch_size=200, optimizer=sgd(0.25))
    result = compare(TASK, "bfloat16", truth="float64", config=config, data=DATA, operations=False)
    own, truth = (result.of(dtype)[0] for dtype in ("bfloat16", "float64"))
    assert own["exact_loss"] == pytest.approx(truth["exact_loss"], rel=0.01)
    assert own["loss"] != own["exact_loss"]
    assert truth["loss"] == pytest.approx(truth["exact_loss"], rel=1e-14)


def test_an_accuracy_of_no_predictions_is_no_number():
    loss = Tensor.of(get_scalar("float32"), 0.5)
    assert Evaluation(1, loss, (0, 0)).accuracy is None
    assert Evaluation(1, loss, (0, 4)).accuracy == 0.0
    assert Evaluation(1, loss).loss == 0.5
    with pytest.raises(NumleanError, match="must be a ReportedLoss"):
        Evaluation(1, "low")


def test_undefined_predictions_are_never_correct():
    runner = instantiate(TASK, "float32")
    runner.params = [p * math.nan for p in runner.params]
    assert runner.accuracy(DATA) == (0, 600)
    assert math.isnan(runner.reported_loss(DATA))


def test_optimizers_see_no_reported_loss():
    """The bits of a run are the same with and without evaluations and kept outputs."""
    finals = []
    for keeps in (False, True):
        runner = instantiate(TASK, "bfloat16")
        runner.keeps_outputs = keeps
        step = stepper(runner, adam(0.01, beta2=0.95))
        for start in range(0, 24, 8):
            step.step(Batch(X[start : start + 8], np.eye(2)[LABELS[start : start + 8]]))
            if keeps:
                step.reported_loss()
                runner.reported_loss(DATA)
        finals.append([runner.scalar.to_bits(p.data).tolist() for p in runner.params])
    assert finals[0] == finals[1]


@pytest.mark.parametrize("options", [{"weight": (1.0, 3.0)}, {"label_smoothing": 0.25}])
def test_a_loss_with_options_is_measured_by_its_own_formula(options):
    task = Task(Sequential(Linear(2, 2)), cross_entropy_one_hot(**options))
    runner = instantiate(task, "float32")
    weight, share = options.get("weight", (1.0, 1.0)), options.get("label_smoothing", 0.0)
    targets = np.eye(2)[LABELS] * (1 - share) + share / 2
    expected = mean_of_logits(runner.predict(X).to_float(), targets * weight)
    assert runner.reported_loss(DATA) == pytest.approx(expected, rel=1e-15)


def test_samples_whose_labels_are_ignored_do_not_count():
    task = Task(Sequential(Linear(2, 2)), cross_entropy(ignore_index=-100))
    runner, labels = instantiate(task, "float32"), np.where(np.arange(600) % 3, LABELS, -100)
    counted = labels >= 0
    expected = mean_of_logits(runner.predict(X).to_float()[counted], np.eye(2)[labels[counted]])
    assert runner.reported_loss(Dataset.of_arrays(X, labels)) == pytest.approx(expected, rel=1e-15)
    ignored = Dataset.of_arrays(X, np.full(600, -100))
    assert math.isnan(runner.reported_loss(ignored))
    assert math.isnan(runner.mean_loss(ignored).item())
