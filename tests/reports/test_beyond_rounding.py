"""Crosschecks of two formats beyond rounding, and the growth of a difference."""

import json
import re

import numpy as np
import pytest

import numlean as nl
from numlean.cli.main import main


def checked(*runs, steps=4, task="xor", **options):
    config = nl.get_task(task).config(steps=steps)
    return nl.crosscheck(task, *runs, config=config, **options)


def test_two_formats_differ_at_their_initial_values_unless_rounding_is_left_out():
    (plain,) = checked("float32", "bfloat16").pairs
    assert plain.divergence.where.startswith("initial values")
    (pair,) = checked("float32", "bfloat16", beyond_rounding=True).pairs
    assert (pair.compared, pair.rounded_to) == ("rounded", "bfloat16")
    assert not pair.divergence.where.startswith(("initial values", "data"))


@pytest.mark.parametrize(
    "runs", [("mp:24", "float32"), ("mp:24", "ieee32exec"), ("mp:53", "float64")]
)
def test_the_same_precision_is_identical_beyond_rounding(runs):
    result = checked(*runs, beyond_rounding=True)
    assert result.identical
    assert f"after rounding both to {runs[1]}" in str(result)


def test_within_a_format_encodings_are_compared_as_ever():
    (pair,) = checked("float32", "ieee32exec", beyond_rounding=True).pairs
    assert (pair.compared, pair.rounded_to, pair.identical) == ("state", None, True)


def test_formats_that_do_not_contain_each_other_have_a_rule_that_the_text_states():
    runs = ("bfloat16:python", "binary16:python")
    (pair,) = checked(*runs, steps=1, beyond_rounding=True).pairs
    assert "8 bits, multiples of 2^-24, at most 65280" in pair.rounded_to
    assert not pair.divergence.where.startswith("initial values")


def test_the_first_operation_beyond_rounding_is_shown_with_the_operands_of_both():
    (pair,) = checked("float32", "bfloat16", beyond_rounding=True).pairs
    found, text = pair.divergence, str(pair.divergence)
    assert found.rounded[0] != found.rounded[1]
    assert found.ulps != 0
    assert "after rounding to bfloat16" in text
    assert [line.split()[:2] for line in text.splitlines() if " rounded " in line] == [
        ["A", "rounded"],
        ["B", "rounded"],
    ]
    if found.operands_b is not None:
        assert "of A" in text
        assert "of B" in text


def trained(dtype, steps):
    """Return the parameters after each step, and the losses, without the code under test."""
    task = nl.get_task("xor")
    config = task.config(steps=steps)
    runner = nl.instantiate(task.task, dtype)
    runner.keeps_outputs = True
    found = []

    def keep(stepper, loss):
        params = [p.to_float().ravel() for p in stepper.runner.params]
        found.append((np.concatenate(params), stepper.reported_loss().item()))

    nl.run_steps(runner, config, task.train_data_for(runner.scalar), on_step=keep)
    return found


@pytest.mark.parametrize("runs", [("float32", "bfloat16"), ("float64", "float32")])
def test_a_continued_crosscheck_shows_how_the_difference_grows(runs):
    steps = 6
    result = checked(*runs, steps=steps, continue_=True)
    (pair,) = result.pairs
    assert result.steps == steps
    assert pair.first_different_step == 0
    assert [point.step for point in pair.growth] == list(range(steps))
    for point, (x, a), (y, b) in zip(pair.growth, *map(trained, runs, [steps] * 2), strict=True):
        assert (point.loss_a, point.loss_b) == (a, b)
        assert point.differing == np.mean(x != y)
        expected = np.linalg.norm(x - y) / max(np.linalg.norm(x), np.linalg.norm(y))
        assert point.relative == pytest.approx(expected, rel=1e-12)


def test_the_first_difference_is_the_same_whether_runs_are_continued_or_not():
    fault = nl.Fault.parse("flip:operation=tanh,step=1,call=0,element=2,bit=20")
    faulty = nl.RunSpec.parse("ieee32exec").with_fault(fault)
    one, other = (
        checked("float32", faulty, continue_=continues).pairs[0] for continues in (False, True)
    )
    assert one.divergence == other.divergence
    assert (one.growth, [point.step for point in other.growth]) == ((), [1, 2, 3])


def test_identical_runs_have_no_growth():
    result = checked("float32", "ieee32exec", continue_=True)
    assert (result.identical, result.pairs[0].growth, result.steps) == (True, (), 4)


def test_a_difference_in_the_last_of_many_bits_is_measured():
    (pair,) = checked("mp:120", "mp:121", steps=2, continue_=True).pairs
    assert 0 < pair.growth[0].relative < 2.0**-110


def test_runs_that_stop_being_finite_have_no_relative_difference():
    config = nl.TrainConfig(12, 4, nl.sgd(1e6))
    result = nl.crosscheck("xor", "e4m3", "float64", config=config, continue_=True)
    assert result.pairs[0].growth[-1].relative is None
    assert "and one of the runs is not finite" in str(result)


def test_a_notebook_shows_the_difference_and_its_growth():
    html = checked("float32", "bfloat16", continue_=True)._repr_html_()
    assert html.count("<table") == html.count("<pre>") == 1
    assert "relative difference" in html
    (frame,) = re.findall(r'<iframe [^>]*srcdoc="([^"]*)"', html)
    assert frame.count("data-chart=&quot;lines&quot;&gt;") == 2
    assert "&lt;" not in checked("float32", "ieee32exec")._repr_html_()


def command(capsys, *argv):
    status = main(["crosscheck", "xor", "--steps", "3", *argv])
    return status, capsys.readouterr().out


def test_the_command_prints_growth_as_text_and_ends_with_status_1(capsys):
    argv = ("--a", "float32", "--b", "bfloat16", "--beyond-rounding", "--continue")
    status, text = command(capsys, *argv)
    assert status == 1
    assert "different values after rounding both to bfloat16, first at step 0" in text
    assert "share that differs" in text
    assert "after step 2, " in text


def test_the_command_prints_growth_as_json(capsys):
    argv = ("--a", "float32", "--b", "bfloat16", "--beyond-rounding", "--continue", "--json")
    status, text = command(capsys, *argv)
    (pair,) = json.loads(text)["pairs"]
    assert (status, pair["compared"], pair["rounded_to"]) == (1, "rounded", "bfloat16")
    assert [set(point) for point in pair["growth"]] == [
        {"step", "differing", "relative", "loss_a", "loss_b"}
    ] * 3
    found = pair["divergence"]
    assert len(found["rounded"]) == 2
    assert {"closer", "rounded_to", "operands_b", "exact_b"} <= set(found)
    assert [each["verdict"] for each in found["judgements"]] == ["as specified"] * 2


def test_the_command_writes_a_page(tmp_path, capsys):
    page = tmp_path / "check.html"
    argv = ("--dtypes", "float32,bfloat16", "--continue", "--out", str(page))
    assert command(capsys, *argv)[0] == 1
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    assert "relative difference" in text
    assert ">float32 and bfloat16</h2>" in text


def test_runs_that_agree_beyond_rounding_end_with_status_0(capsys):
    status, text = command(capsys, "--a", "float32", "--b", "mp:24", "--beyond-rounding")
    assert status == 0
    assert "identical values of all numbers at all 3 steps after rounding both to float32" in text


def test_a_page_that_cannot_be_written_is_refused_before_the_run(capsys):
    argv = ["crosscheck", "xor", "--dtypes", "float32,mp:24", "--out", "/nowhere/x.html"]
    assert main(argv) == 2
    assert "/nowhere/x.html" in capsys.readouterr().err
