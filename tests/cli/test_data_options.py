"""Users' tables at the command line."""

import json

import numpy as np
import pytest

from numlean.cli.main import main

RNG = np.random.default_rng(3)


@pytest.fixture
def table(tmp_path):
    x = RNG.standard_normal((60, 2))
    kinds = np.where(x[:, 0] > x[:, 1], "left", "right")
    path = tmp_path / "sides.csv"
    rows = "".join(f"{a!r},{b!r},{k}\n" for (a, b), k in zip(x.tolist(), kinds, strict=True))
    path.write_text("a,b,side\n" + rows)
    np.savez(tmp_path / "sides.npz", inputs=x, side=kinds)
    return path


def run_json(capsys, *argv):
    status = main([*map(str, argv), "--json"])
    captured = capsys.readouterr()
    return status, json.loads(captured.out), captured.err


def test_a_table_is_learnt_and_a_line_describes_its_task(capsys, table):
    status, report, said = run_json(capsys, "train", "--data", table, "--target", "side")
    assert (status, report["task"], report["steps"]) == (0, "sides.csv", 500)
    assert report["accuracy"] >= 11 / 12
    assert "classification, as the target has 2 different texts" in said
    assert "60 rows, 12 held out" in said
    assert said.count("\n") == 1


def test_text_and_archive_train_to_the_same_bits_and_options_change_them(capsys, table):
    argv = ("train", "--dtype", "float32", "--steps", "3", "--target", "side", "--data")
    _, text, _ = run_json(capsys, *argv, table)
    _, archive, _ = run_json(capsys, *argv, table.with_suffix(".npz"))
    assert text["state_digest"] == archive["state_digest"]
    digests = {text["state_digest"]}
    for option in (
        ("--standardise", "none"),
        ("--standardise", "scalar"),
        ("--split-seed", "1"),
        ("--test-share", "1/3"),
        ("--hidden", "8"),
        ("--hidden", "none"),
        ("--activation", "relu"),
        ("--drop", "b"),
    ):
        digests.add(run_json(capsys, *argv, table, *option)[1]["state_digest"])
    assert len(digests) == 9


def test_without_a_test_there_is_no_test_loss(capsys, table):
    argv = ("train", "--data", table, "--target", "side", "--test-share", "0", "--steps", "1")
    _, report, _ = run_json(capsys, *argv)
    assert report["test_loss"] is report["accuracy"] is None
    assert main([*map(str, argv), "--eval-every", "1"]) == 2


def test_crosscheck_takes_tables_and_standardises_in_each_arithmetic(capsys, table):
    argv = ("crosscheck", "--data", table, "--target", "side", "--standardise", "scalar")
    status, report, _ = run_json(
        capsys, *argv, "--dtypes", "float32,ieee32exec,mp:24", "--steps", "2"
    )
    assert (status, report["identical"]) == (0, True)
    status, report, _ = run_json(capsys, *argv, "--dtypes", "float32,float64", "--steps", "2")
    assert (status, report["pairs"][0]["first_different_step"]) == (1, 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target", "side"], ["--target", "--data"]),
        (["xor", "--hidden", "3"], ["--hidden", "--data"]),
        (["xor", "--test-share", "0.1"], ["--test-share", "--data"]),
        (["--data", "FILE"], ["--target"]),
        (["xor", "--data", "FILE", "--target", "side"], ["xor", "--data"]),
        ([], ["TASK", "--data"]),
        (["--data", "FILE", "--target", "a"], ["row 2", "'side'", "--categorical side"]),
        (["--data", "FILE", "--target", "c"], ["'c'", "a, b, side"]),
        (["--data", "FILE", "--target", "side", "--hidden", "3,0"], ["--hidden", "3,0"]),
        (["--data", "FILE", "--target", "side", "--hidden", "x"], ["--hidden", "x"]),
        (["--data", "FILE", "--target", "side", "--test-share", "1/0"], ["--test-share", "1/0"]),
        (["--data", "FILE", "--target", "side", "--test-share", "1"], ["share", "1"]),
        (["--data", "FILE", "--target", "side", "--activation", "step"], ["step", "tanh, relu"]),
        (["--data", "FILE", "--target", "side", "--split-seed", "-1"], ["seed", "-1"]),
        (["--data", "FILE", "--target", "side", "--kind", "regression"], ["row 2", "'side'"]),
    ],
    ids=" ".join,
)
def test_wrong_use_is_one_line_that_states_the_fix(capsys, table, options, words):
    argv = [str(table) if option == "FILE" else option for option in options]
    try:
        status = main(["train", *argv])
    except SystemExit as stop:
        status = stop.code
    captured = capsys.readouterr()
    assert status == 2
    *_, error = captured.err.splitlines()
    assert error.startswith("numlean: error: ")
    assert all(word in error for word in words)
