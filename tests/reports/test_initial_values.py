"""Runs that start from the numbers of another run, of a file or of arrays."""

import json
from fractions import Fraction

import numpy as np
import pytest
from safetensors.numpy import save_file

import numlean as nl
from numlean import nn
from numlean.checkpoint import Run, save
from numlean.cli.main import main
from numlean.errors import NumleanError, ShapeError

MODEL = nn.Sequential(nn.Linear(2, 3, bias=False), nn.BatchNorm(3, affine=False), nn.Linear(3, 1))
TASK = nl.Task.regression(MODEL)
RNG = np.random.default_rng(1803)
DATA = nl.Dataset.of_arrays(RNG.standard_normal((6, 2)), RNG.standard_normal((6, 1)))
CONFIG = nl.TrainConfig(3, 2, nl.sgd(0.1))
VALUES = {
    "0.weight": RNG.standard_normal((3, 2)),
    "1.running_mean": RNG.standard_normal(3),
    "1.running_var": RNG.uniform(1, 2, 3),
    "2.weight": RNG.standard_normal((1, 3)),
    "2.bias": RNG.standard_normal(1),
}


def trained(dtype="float32"):
    runner = nl.instantiate(TASK, dtype, nl.Options(seed=7))
    nl.train_minibatches(runner, CONFIG, DATA)
    return runner


def nearest_binary32(value):
    """Return the binary32 number nearest to a Fraction, ties to even, by exact arithmetic."""
    near = np.float32(float(value))
    both = (np.nextafter(near, np.float32(s * np.inf)) for s in (-1, 1))
    candidates = [near, *both]
    distance = {abs(Fraction(float(z)) - value): z for z in reversed(candidates)}
    return distance[min(distance)]


def test_a_runner_s_numbers_are_rounded_once_whatever_their_precision():
    wide = trained("mp:60")
    again = nl.instantiate(TASK, "float32", initial=wide)
    for p, q in zip(wide.params, again.params, strict=True):
        for value, found in zip(wide.scalar.to_exact(p.data).flat, q.data.flat, strict=True):
            exact = Fraction(int(value.man)) * Fraction(2) ** int(value.exp)
            exact = -exact if value < 0 and exact > 0 else exact
            assert found == nearest_binary32(exact)
    same = nl.instantiate(TASK, "mp:60", initial=wide)
    assert nl.state_digest(same.named_parameters) == nl.state_digest(wide.named_parameters)


@pytest.mark.parametrize(
    "source",
    [
        VALUES,
        list(VALUES.values()),
        {name: nl.Tensor.of(nl.get_scalar("float64"), v) for name, v in VALUES.items()},
        {**VALUES, "1.num_batches_tracked": np.array(5)},
    ],
    ids=["by name", "in order", "tensors", "with PyTorch's counter"],
)
def test_values_by_name_or_in_order_become_the_parameters(source):
    runner = nl.instantiate(TASK, "float32", initial=source)
    for p, expected in zip(runner.params, VALUES.values(), strict=True):
        assert p.data.tobytes() == expected.astype(np.float32).tobytes()


def test_buffers_that_are_not_given_keep_their_initial_values():
    given = {name: v for name, v in VALUES.items() if "running" not in name}
    runner = nl.instantiate(TASK, "float32", initial=given)
    assert runner.params[1].to_float().tolist() == [0, 0, 0]
    assert runner.params[2].to_float().tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda v: v.pop("2.bias"), NumleanError, "not those of this model: missing: 2.bias"),
        (lambda v: v.update(x=np.ones(1)), NumleanError, "unknown: x"),
        (
            lambda v: v.update({"2.bias": np.ones(2)}),
            ShapeError,
            r"2.bias has shape \(1,\).*\(2,\)",
        ),
        (lambda v: v.update({"2.bias": np.array(["a"])}), NumleanError, "a"),
    ],
)
def test_values_that_do_not_fit_the_model_are_refused_in_one_line(change, error, words):
    values = dict(VALUES)
    change(values)
    for use in (
        lambda: nl.instantiate(TASK, "float32", initial=values),
        lambda: nl.crosscheck(
            TASK, "float32", "ieee32exec", config=CONFIG, data=DATA, initial=values
        ),
    ):
        with pytest.raises(error, match=words) as caught:
            use()
        assert "\n" not in str(caught.value)
    with pytest.raises(NumleanError, match=r"initial must be .* a mapping, .* got 5"):
        nl.instantiate(TASK, "float32", initial=5)
    with pytest.raises(NumleanError, match="5 parameters and buffers, got 1 initial values"):
        nl.instantiate(TASK, "float32", initial=[np.ones(1)])


def test_crosscheck_starts_every_run_from_a_runner_and_leaves_the_runner_as_it_is():
    runner = trained()
    before = nl.state_digest(runner.named_parameters)
    found = nl.crosscheck(
        TASK, "float32", "ieee32exec:python", "mp:24", config=CONFIG, data=DATA, initial=runner
    )
    assert found.identical, str(found)
    assert nl.state_digest(runner.named_parameters) == before
    # The same without crosscheck: another runner goes on from these numbers.
    again = nl.instantiate(TASK, ["ieee32exec", "python"][0], initial=runner)
    assert nl.value_digest(again.named_parameters) == nl.value_digest(runner.named_parameters)


def test_a_runner_as_a_run_starts_from_its_own_parameters():
    runner = trained()
    same = nl.crosscheck(TASK, runner, "mp:24", config=CONFIG, data=DATA, initial=runner)
    assert same.identical
    (pair,) = nl.crosscheck(TASK, runner, "mp:24", config=CONFIG, data=DATA).pairs
    assert pair.first_different_step == 0
    assert (
        pair.divergence.where == "initial values, 0.weight: the runs start from different numbers"
    )
    assert pair.divergence.operation is None


def test_a_conversion_of_given_values_is_explained_as_that_of_drawn_ones_is():
    (pair,) = nl.crosscheck(
        TASK, "float32", "bfloat16:python", config=CONFIG, data=DATA, initial=VALUES
    ).pairs
    found = pair.divergence
    assert (found.where, found.operation) == ("initial values, 0.weight", "from_float")
    first = VALUES["0.weight"][0, 0]
    assert [n.text for n in found.operands["a"]] == [str(first)]
    assert float(found.results[0].text) == pytest.approx(first, rel=1e-6)
    assert all(each.is_right for each in found.assessments)


def test_compare_starts_the_reference_and_every_seed_from_the_given_values():
    found = nl.compare(
        TASK,
        "float64",
        truth="mp:80",
        seeds=2,
        config=CONFIG,
        data=DATA,
        initial=VALUES,
        operations=False,
    )
    start = nl.instantiate(TASK, "mp:80", initial=VALUES)
    assert found.header["initial"] == nl.value_digest(start.named_parameters)
    lines = []
    nl.compare(
        TASK, "float64", truth="mp:80", config=CONFIG, data=DATA, initial=VALUES,
        operations=False, write=lines.append,
    )  # fmt: skip
    first = next(r for r in lines if r["record"] == "step" and r["dtype"] == "float64")
    runner = nl.instantiate(TASK, "float64", initial=VALUES)
    batch = next(nl.data.minibatches(DATA, 2, seed=CONFIG.seed))
    runner.train()
    assert first["loss"] == runner.loss(batch).item()
    plain = nl.compare(TASK, "float64", truth="mp:80", config=CONFIG, data=DATA, operations=False)
    assert plain.header["initial"] is None


def checkpoint_file(tmp_path):
    runner = nl.instantiate(nl.get_task("xor").task, "float32", nl.Options(seed=3))
    step = nl.stepper(runner, nl.sgd(0.1))
    x = np.array([[0.0, 1.0]])
    step.step(nl.Batch(x, np.array([[1.0]])))
    path = tmp_path / "run.ckpt"
    save(path, step, Run())
    return runner, path


@pytest.mark.parametrize("kind", ["checkpoint", "safetensors"])
def test_a_file_of_weights_starts_the_runs_of_both_commands(kind, tmp_path, capsys):
    runner, path = checkpoint_file(tmp_path)
    if kind == "safetensors":
        path = tmp_path / "weights.safetensors"
        save_file({name: p.data.copy() for name, p in runner.named_parameters}, path)
    digest = nl.value_digest(runner.named_parameters)
    compared = tmp_path / "found.jsonl"
    arguments = ["xor", "--weights", str(path), "--steps", "1"]
    assert main(["compare", *arguments, "--dtypes", "float64", "--truth", "mp:60",
                 "--no-operations", "--jsonl", str(compared)]) == 0  # fmt: skip
    header = json.loads(compared.read_text().splitlines()[0])
    assert header["initial"] == digest
    capsys.readouterr()
    status = main(["crosscheck", *arguments, "--a", "float32", "--b", "mp:24", "--json"])
    assert status == 0
    assert json.loads(capsys.readouterr().out)["identical"]


def test_a_file_that_is_not_of_this_model_is_refused_with_status_2(tmp_path, capsys):
    path = tmp_path / "other.safetensors"
    save_file({"weight": np.ones((2, 2), np.float32)}, path)
    for file, words in ((path, "do not match"), (tmp_path / "none", "No such file")):
        status = main(
            ["crosscheck", "xor", "--weights", str(file), "--a", "float32", "--b", "mp:24"]
        )
        assert status == 2
        error = capsys.readouterr().err
        assert words in error
        assert "Traceback" not in error
