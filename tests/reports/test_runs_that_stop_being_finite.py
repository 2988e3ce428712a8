"""A run that stops being finite says so at once, and no report takes it for a perfect one."""

import json
import math

import numpy as np
import pytest

from numlean import (
    Dataset,
    FiniteCheck,
    NumleanError,
    Options,
    Task,
    compare,
    crosscheck,
    get_scalar,
    instantiate,
    stepper,
    steps,
    train_minibatches,
)
from numlean.analysis.drift.error_stats import ErrorStats
from numlean.analysis.drift.exact_reference import ExactReference
from numlean.analysis.drift.page import as_page
from numlean.analysis.drift.parameters import ParameterMeter
from numlean.autograd.tensor import Tensor
from numlean.cli.main import main
from numlean.data import Batch
from numlean.losses import bce, cross_entropy
from numlean.nn import (
    BatchNorm,
    Dropout,
    LayerNorm,
    Linear,
    ReLU,
    RMSNorm,
    Sequential,
    SmoothMaxPool2d,
)
from numlean.optim import adam, adamw, clip_by_norm, clip_by_value, schedules, sgd
from numlean.training.harmful_constants import harmful_constants

RNG = np.random.default_rng(11)
X = RNG.standard_normal((16, 3))
Y = X[:, :2]
DATA = Dataset.of_arrays(X, Y)
LINEAR = Task.regression(Sequential(Linear(3, 2)))
INF, NAN = math.inf, math.nan


def check_of(task, dtype, optimizer, *, x=X, y=Y, count=3, backend="eager", start=None):
    """Train until the run is not finite, and return what the check has reported."""
    lines = []
    runner = instantiate(task, dtype, Options(backend=backend))
    if start is not None:
        runner.params = [p * start for p in runner.params]
    step = stepper(runner, optimizer)
    check = FiniteCheck("stop", stepper=step, report=lines.append)
    for _ in range(count):
        if check(step, step.step(Batch(x, y))):
            break
    return check, lines


def test_a_beta_that_rounds_to_one_is_named_with_its_division_by_zero():
    check, (line,) = check_of(LINEAR, "bfloat16", adam(0.01))
    assert "update: 1/(1 - beta2^t): division by zero; beta2 = 0.999 is 1 in bfloat16" in line
    assert check.death.step == 0
    assert check.death.numbers.parameters.nan == 8
    assert check.stops


@pytest.mark.parametrize("backend", ["eager", "compiled"])
@pytest.mark.parametrize(
    ("task", "optimizer", "x", "expected"),
    [
        # 10^38 * 10^38 is beyond binary32's largest number, 3.4e38.
        (LINEAR, sgd(1e38), X, "overflow"),
        (LINEAR, sgd(0.1), X * 1e30, "forward, MeanSquaredError: mul("),
        (LINEAR, sgd(0.1), np.where(X[3, 1] == X, NAN, X), "an operand is not finite"),
        (
            Task.regression(Sequential(Linear(3, 2), Dropout(1 - 2.0**-30))),
            sgd(0.1),
            X,
            "forward, 1 Dropout(0.9999999990686774): (x * mask) / (1 - p): division by zero; p of",
        ),
        (
            LINEAR,
            adam(0.01, epsilon=1e-60),
            X * 0,
            "update: lr/(sqrt(v_hat) + epsilon): division by zero; epsilon = 1e-60 is 0 in float32",
        ),
    ],
    ids=["rate", "inputs", "data", "dropout", "epsilon of adam"],
)
def test_the_first_operation_is_named_with_its_place_and_exception(
    task, optimizer, x, expected, backend
):
    check, lines = check_of(task, "float32", optimizer, x=x, count=40, backend=backend)
    assert expected in lines[0]
    assert str(check.first) == lines[0]


def test_a_run_that_starts_with_nan_says_so_before_the_first_step():
    check, lines = check_of(LINEAR, "float32", sgd(0.1), start=NAN)
    assert check.death.step == -1
    assert lines == ["the run starts with numbers that are not finite (parameters: 8 NaN of 8)"]


def test_a_check_only_warns_if_it_is_told_to_and_reports_once():
    lines = []
    runner = instantiate(LINEAR, "float32")
    step = stepper(runner, sgd(1e38))
    check = FiniteCheck("warn", stepper=step, report=lines.append)
    answers = [check(step, step.step(Batch(X, Y))) for _ in range(6)]
    assert not any(answers)
    assert 1 <= len(lines) <= 2  # the loss, and then the parameters, if not at the same step
    ignores = FiniteCheck("ignore", stepper=step, report=lines.append)
    assert not ignores(step, step.step(Batch(X, Y)))
    assert ignores.first is None
    with pytest.raises(NumleanError, match="on_nonfinite"):
        FiniteCheck("explode")


def test_a_loop_warns_in_its_log_of_constants_and_of_death():
    lines = []
    config = steps(3, batch_size=16, optimizer=adam(0.01), log_every=0)
    train_minibatches(instantiate(LINEAR, "bfloat16"), config, DATA, log=lines.append)
    assert lines[0] == (
        "warning: beta2 = 0.999 is 1 in bfloat16: 1/(1 - beta2^t) divides by zero;"
        " the nearest good value is 0.99609375"
    )
    assert lines[1].startswith("warning: after update 1 the run is not finite (parameters: 8 NaN")
    assert len(lines) == 2
    # A hook without the stepper finds the cause in the first step, too.
    found = []
    check = FiniteCheck(report=found.append)
    train_minibatches(
        instantiate(LINEAR, "bfloat16"), config, DATA, log=lines.append, on_step=check
    )
    assert "division by zero; beta2 = 0.999 is 1 in bfloat16" in found[0]


def test_a_run_keeps_its_bits_with_a_check():
    finals = []
    for hook in (None, FiniteCheck("warn", report=lambda line: None)):
        runner = instantiate(LINEAR, "float32")
        config = steps(5, batch_size=4, optimizer=adam(0.01), log_every=0)
        train_minibatches(runner, config, DATA, on_step=hook)
        finals.append([p.data.tolist() for p in runner.params])
    assert finals[0] == finals[1]


BETA2 = "beta2 = 0.999 is 1 in bfloat16"


@pytest.mark.parametrize(
    ("dtype", "task", "optimizer", "schedule", "expected"),
    [
        # 1 - 2^-9 lies between 1 - 2^-8 and 1; 0.999 is nearer to 1.
        ("bfloat16", LINEAR, adam(0.01), None, [(BETA2, 1 - 2.0**-8)]),
        ("bfloat16", LINEAR, clip_by_norm(adam(0.01), 1.0), None, [(BETA2, 1 - 2.0**-8)]),
        ("bfloat16", LINEAR, adam(0.01, beta2=0.996), None, []),
        ("float32", LINEAR, adam(0.01), None, []),
        ("mp:200", LINEAR, adam(1e-300, epsilon=1e-300), None, []),
        (
            "e4m3",  # its least number is 2^-9, and 1 - 2^-4 is next to 1
            LINEAR,
            adamw(1e-4, 1e-4),
            None,
            [
                ("beta2 = 0.999 is 1 in e4m3", 0.9375),
                ("epsilon = 1e-08 is 0 in e4m3", 2.0**-9),
                ("weight_decay = 0.0001 is 0 in e4m3", 2.0**-9),
                ("lr = 0.0001 is 0 in e4m3", 2.0**-9),
            ],
        ),
        (
            "e4m3",
            LINEAR,
            sgd(500.0, momentum=0.99, weight_decay=1e-5),
            None,
            [
                ("weight_decay = 1e-05 is 0 in e4m3", 2.0**-9),
                ("momentum = 0.99 is 1 in e4m3", 0.9375),
                ("lr = 500.0 is not a number in e4m3", 448.0),
            ],
        ),
        (
            "e5m2",
            LINEAR,
            clip_by_value(sgd(0.5), 1e-6),
            schedules.exponential(0.5, 0.5),
            [
                ("the clipping limit = 1e-06 is 0 in e5m2", 2.0**-16),
                ("lr at step 49 = 8.881784197001252e-16 is 0 in e5m2", 2.0**-16),
                ("lr at step 99 = 7.888609052210118e-31 is 0 in e5m2", 2.0**-16),
            ],
        ),
        (
            "e4m3",
            Task(
                Sequential(BatchNorm(3, momentum=1e-4), LayerNorm(3), RMSNorm(3), Dropout(0.97)),
                bce(),
            ),
            sgd(0.5),
            None,
            [
                ("epsilon of 0 BatchNorm(3) = 1e-05 is 0 in e4m3", 2.0**-9),
                ("momentum of 0 BatchNorm(3) = 0.0001 is 0 in e4m3", 2.0**-9),
                ("epsilon of 1 LayerNorm(3) = 1e-05 is 0 in e4m3", 2.0**-9),
                ("epsilon of 2 RMSNorm(3) = 1e-05 is 0 in e4m3", 2.0**-9),
                ("p of 3 Dropout(0.97) = 0.97 is 1 in e4m3", 0.9375),
                ("epsilon = 1e-12 is 0 in e4m3", 2.0**-9),
            ],
        ),
        (
            "e4m3@overflow=saturate",
            LINEAR,
            clip_by_value(sgd(500.0), 1e3),
            None,
            [
                ("the clipping limit = 1000.0 is 448 in e4m3@overflow=saturate", None),
                ("lr = 500.0 is 448 in e4m3@overflow=saturate", None),
            ],
        ),
        ("e4m3@overflow=saturate", LINEAR, sgd(450.0), None, []),
        (
            "e5m2",
            Task.regression(Sequential(SmoothMaxPool2d(2, beta=1e-6))),
            sgd(0.5),
            None,
            [("beta of 0 SmoothMaxPool2d(2, beta=1e-06) = 1e-06 is 0 in e5m2", 2.0**-16)],
        ),
        (
            "e4m3",
            Task(Sequential(Linear(3, 2)), cross_entropy(weight=(1.0, 1e-4), label_smoothing=0.99)),
            sgd(0.5),
            None,
            [
                ("weight[1] = 0.0001 is 0 in e4m3", 2.0**-9),
                ("label_smoothing = 0.99 is 1 in e4m3", 0.9375),
            ],
        ),
        (
            "bfloat16@round=toward_zero,subnormal=flush",
            LINEAR,
            adam(1e-39, beta2=0.999),
            None,
            [("lr = 1e-39 is 0 in bfloat16@round=toward_zero,subnormal=flush", 2.0**-126)],
        ),
    ],
)
def test_constants_that_round_to_something_harmful_are_found_with_the_nearest_good_value(
    dtype, task, optimizer, schedule, expected
):
    try:
        scalar = get_scalar(dtype, "python") if dtype != "mp:200" else get_scalar(dtype)
    except NumleanError as error:
        pytest.skip(str(error))
    found = harmful_constants(task, scalar, optimizer, schedule, 100)
    assert [(each.cause, each.nearest) for each in found] == expected
    for each in (each for each in found if each.nearest is not None):
        nearest = float(scalar.to_float(scalar.from_float([each.nearest]))[0])
        assert nearest == each.nearest
        assert 0 < nearest != 1


def meter():
    return ParameterMeter(ExactReference(get_scalar("float32")), get_scalar("float64"))


def parameters(ours, truth):
    s, t = get_scalar("float32"), get_scalar("float64")
    return meter().parameters(["w"], [Tensor.of(s, ours)], [Tensor.of(t, truth)])


@pytest.mark.parametrize(
    ("ours", "truth", "worst", "median"),
    [
        ([NAN, NAN, NAN], [1.0, 2.0, 3.0], INF, INF),
        ([INF, INF, INF], [1.0, 2.0, 3.0], INF, INF),
        ([1.0, 2.0, NAN], [1.0, 2.0, 3.0], INF, 0.0),
        ([1.0, NAN, INF], [1.0, 2.0, 3.0], INF, INF),
        ([NAN, NAN, NAN], [NAN, NAN, NAN], NAN, NAN),
        ([INF, INF, INF], [INF, INF, INF], NAN, NAN),
        ([1.0, 2.0, NAN], [1.0, 2.0, NAN], NAN, 0.0),
        ([1.0, 2.0, 3.0], [1.0, 2.0, NAN], INF, 0.0),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 0.0, 0.0),
    ],
)
def test_numbers_that_are_not_finite_have_no_small_error(ours, truth, worst, median):
    found = parameters(ours, truth)
    for key in ("max_ulp", "rms_ulp", "relative", "max_relative"):
        assert np.array_equal(found[key], worst, equal_nan=True), key
    for key in ("median_ulp", "median_relative"):
        assert np.array_equal(found[key], median, equal_nan=True), key
    part = found["by_parameter"]["w"]
    assert np.array_equal(part["max_ulp"], worst, equal_nan=True)
    assert found["count"] + found["infinite"] + found["unknown"] == 3
    assert found["nan"] + found["inf"] == 3 - int(np.isfinite(ours).sum())


def test_merged_statistics_keep_what_is_not_finite():
    dead, alive = ErrorStats(), ErrorStats()
    dead.add_specials(infinite=0, unknown=2)
    alive.add(*(np.array([0.5]) for _ in range(4)))
    alive.merge(dead)
    assert math.isnan(alive.max_ulp)
    assert alive.count == 1
    dead.add_specials(infinite=1, unknown=0)
    alive.merge(dead)
    assert alive.relative == INF


CONFIG = steps(2, batch_size=8, optimizer=adam(0.01), log_every=0)


@pytest.fixture(scope="module")
def dead():
    return compare(LINEAR, "bfloat16", "float32", truth="float64", config=CONFIG, data=DATA)


def test_a_comparison_names_the_dead_run_and_its_cause(dead):
    text = str(dead)
    row = next(line for line in text.splitlines() if line.startswith("bfloat16 "))
    assert row.split()[2:5] == ["inf", "inf", "inf"]  # median ulp, max ulp, relative
    assert "bfloat16, seed 0: step 0: the run is not finite" in text
    assert "1/(1 - beta2^t): division by zero; beta2 = 0.999 is 1 in bfloat16" in text
    assert "float32, seed 0" not in text
    assert dead.header["warnings"]["bfloat16"][0].startswith("beta2 = 0.999 is 1 in bfloat16")
    assert {run["dtype"]: run["nonfinite"] is None for run in dead.runs} == {
        "float64": True,
        "bfloat16": False,
        "float32": True,
    }


def test_a_page_never_draws_a_dead_run_as_one_without_error(dead):
    page = as_page(dead)
    assert "(0: no error)" not in page
    assert "(not finite)" in page
    assert "bfloat16: no finite number" in page
    assert "<b>Warning:</b> bfloat16, seed 0: step 0: the run is not finite" in page
    update = dead.operations["bfloat16"]["update", "", "div"]
    assert update.total.max_ulp == update.inherited.max_ulp == INF
    assert update.introduced_nonfinite > 0


def test_two_dead_runs_are_identical_and_said_to_be_dead():
    result = crosscheck(LINEAR, "bfloat16", "bfloat16:compiled", config=CONFIG, data=DATA)
    assert result.identical
    assert set(result.nonfinite) == {"bfloat16", "bfloat16:compiled"}
    assert "bfloat16:compiled: step 0: the run is not finite" in str(result)
    alive = crosscheck(LINEAR, "float32", "float32:compiled", config=CONFIG, data=DATA)
    assert not alive.nonfinite


def train(capsys, *arguments):
    status = main(["train", "iris", "--steps", "4", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_command_line_reports_a_dead_run_at_once_and_exits_with_status_3(capsys):
    status, out, err = train(capsys, "--dtype", "float32", "--lr", "1e38", "--json")
    report = json.loads(out)
    assert status == 3
    assert report["steps"] == 4
    assert "numlean: warning: step" in err
    assert "overflow" in err
    found = report["nonfinite"]
    assert found["parameters"]["nan"] + found["parameters"]["inf"] > 0
    assert found["first_number"]["text"] in err
    assert found["first_number"]["exception"] == "overflow"
    _, out, _ = train(capsys, "--dtype", "float32", "--lr", "1e38")
    assert "not finite" in out


def test_the_command_line_can_stop_or_ignore_a_dead_run(capsys):
    status, out, err = train(
        capsys, "--dtype", "float32", "--lr", "1e38", "--on-nonfinite", "stop", "--json"
    )
    report = json.loads(out)
    assert (status, report["stopped_by"]) == (3, "nonfinite")
    assert report["steps"] < 4
    status, out, err = train(
        capsys, "--dtype", "float32", "--lr", "1e38", "--on-nonfinite", "ignore", "--json"
    )
    assert (status, err) == (0, "")
    assert json.loads(out)["nonfinite"]["parameters"]["nan"] > 0


def test_the_command_line_warns_of_constants_before_the_run(capsys):
    status, _, err = train(capsys, "--dtype", "bfloat16", "--lr", "1e-45", "--json")
    assert status == 0
    assert err == (
        "numlean: warning: lr = 1e-45 is 0 in bfloat16: the update changes no parameter;"
        " the nearest good value is 9.183549615799121e-41\n"
    )


def test_a_finite_run_has_no_warning_and_status_0(capsys):
    status, out, err = train(capsys, "--dtype", "float32", "--json")
    assert (status, err, json.loads(out)["nonfinite"]) == (0, "", None)


def test_a_loss_beyond_the_format_alone_does_not_fail_the_run(capsys):
    """ReLU's zeros and a finite gradient: only the loss overflows in this format."""
    task = Task.regression(Sequential(Linear(3, 2), ReLU()))
    check, (line, *_) = check_of(task, "float32", sgd(0.0), x=X * 1e30, count=2)
    assert check.loss is not None
    assert "loss: 1 infinite of 1" in line


def test_an_overflow_that_reaches_no_number_is_not_the_cause():
    """The squares of the gradients overflow and are computed again; the rate is the cause."""
    optimizer = clip_by_norm(sgd(3e38), 1e30)
    check, (line, *_) = check_of(LINEAR, "float32", optimizer, x=X * 1e9, y=Y * 1e15)
    assert check.death.step == 0
    assert "update: mul(" in line
    assert "3e+38): overflow" in line
