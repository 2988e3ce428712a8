"""Comparisons of runs by policies: parts of products, updates, state, and the formats of ulps."""

import json
import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

import numlean as nl
from numlean.analysis.drift.records import as_line
from numlean.cli.main import main
from numlean.precision import policies
from numlean.precision.policy_text import policy_to_plain

F32 = np.float32
INTERPRETED = nl.Options(device="python")  # compiles nothing
MIXED = "policy:bf16-mixed"


def compared(*runs, steps=2, task="xor", **options):
    """Return a comparison and its records."""
    lines = []
    config = nl.get_task(task).config(steps=steps)
    options = {"config": config, "options": INTERPRETED, "truth": "float64"} | options
    result = nl.compare(task, *runs, write=lambda r: lines.append(as_line(r)), **options)
    return result, [json.loads(line) for line in lines]


def select(records, kind, **keys):
    return [r for r in records if r["record"] == kind and all(r[k] == v for k, v in keys.items())]


@pytest.fixture(scope="module")
def mixed():
    return compared(MIXED, "ieee32exec")


def bfloat16(x):
    return np.asarray(x, F32).astype(ml_dtypes.bfloat16).astype(F32)


def before_first_step(policy):
    """Return a runner of xor, its named parameters as binary32, and the first batch."""
    task = nl.get_task("xor")
    runner = nl.instantiate(task.task, policy, INTERPRETED)
    named = {name: p.scalar.to_float(p.data).astype(F32) for name, p in runner.named_parameters}
    batches = nl.data.minibatches(task.train_data_for(runner.scalar), 4, seed=0)
    return runner, named, next(batches)


def relative(errors, values, expected):
    """Return the norm of errors divided by that of the greater of numbers and expected ones."""
    pairs = zip(np.ravel(values), np.ravel(expected), strict=True)
    norm = sum(float(max(abs(v), abs(e))) ** 2 for v, e in pairs)
    return math.sqrt(sum(float(e) ** 2 for e in np.ravel(errors)) / norm)


def rationals(x):
    return np.array([Fraction(float(v)) for v in np.ravel(x)], object).reshape(np.shape(x))


def test_the_parts_of_a_layers_product_are_those_of_a_transcription(mixed):
    (record,) = select(mixed[1], "product", layer="0 Linear(2, 8)", product="forward", step=0)
    runner, named, batch = before_first_step(policies.get("bf16-mixed"))
    x = runner.scalar.to_float(runner.batch(batch)[0].data).astype(F32)
    weight, bias = named["0.weight"].T, named["0.bias"]
    operands = [bfloat16(each) for each in (x, weight, bias)]
    sums = np.zeros((4, 8), F32)
    for k in range(2):
        sums += operands[0][:, k : k + 1] * operands[1][k : k + 1]
    sums += operands[2]
    exact = rationals(x) @ rationals(weight) + rationals(bias)  # of float32 parameters
    quantised = rationals(operands[0]) @ rationals(operands[1]) + rationals(operands[2])
    s, y = rationals(sums), rationals(bfloat16(sums))
    expected = {"total": y - exact, "quantisation": quantised - exact}
    expected |= {"accumulation": s - quantised, "output": y - s}
    for part, errors in expected.items():
        assert record[part]["relative"] == pytest.approx(relative(errors, y, exact)), part
        assert record[part]["exact"] == list(errors.flat).count(0)
    assert (record["calls"], record["ulp_of"], record["output"]["count"]) == (1, "bfloat16", 32)
    assert record["output"]["max_ulp"] <= 0.5


def test_every_product_of_every_layer_has_parts(mixed):
    found = {(r["layer"], r["product"]) for r in select(mixed[1], "product", dtype=MIXED)}
    layers = "0 Linear(2, 8)", "2 Linear(8, 1)"
    products = {(layer, name) for layer in layers for name in ("forward", "weight_gradient")}
    assert found == products | {(layers[1], "input_gradient")}  # no gradient of the data is needed
    assert not select(mixed[1], "product", dtype="ieee32exec")
    assert set(mixed[0].products) == set(mixed[0].updates) == {MIXED}


def test_a_layer_with_an_exception_has_the_parts_of_its_own_policy():
    run = "policy:bf16-mixed,except.last=uniform(float32)"
    products = compared(run, steps=1)[0].products[run]
    assert products["2 Linear(8, 1)", "forward"].quantisation.relative == 0
    assert products["0 Linear(2, 8)", "forward"].quantisation.relative > 0


def test_narrow_sums_move_the_largest_part_to_the_accumulation():
    run = "policy:uniform(float32),accumulate=blocked(float32, 1, bfloat16)"
    result, _ = compared(run, steps=1)
    errors = result.products[run]["0 Linear(2, 8)", "forward"]
    assert errors.largest_part == "accumulation"
    assert errors.quantisation.relative < 1e-3 * errors.accumulation.relative
    sentence = next(s for s in result.headline if "product of" in s)
    assert "the largest part of it comes from its accumulation" in sentence


def test_what_an_update_does_not_keep_is_that_of_a_transcription():
    policy = "bf16-mixed,parameters=bfloat16,optimizer=bfloat16"
    _, records = compared(f"policy:{policy}", steps=1)
    (record,) = select(records, "update", parameter="2.weight")
    runner, _, batch = before_first_step(
        nl.policies.get("bf16-mixed").with_fields(
            {"parameters": "bfloat16", "optimizer": "bfloat16"}
        )
    )
    names = [name for name, _ in runner.named_parameters]
    runner.train()
    gradients = dict(zip(names, runner.loss_and_gradient(batch)[1], strict=True))
    g = gradients["2.weight"].scalar.to_float(gradients["2.weight"].data).astype(F32)
    p = dict(runner.named_parameters)["2.weight"]
    old = p.scalar.to_float(p.data).astype(F32)
    rate = F32(nl.get_task("xor").config().optimizer.lr)
    moved = old - g * rate  # the first buffer is the gradient
    kept, buffer = bfloat16(moved), bfloat16(g)
    error = kept.astype(float) - moved
    assert record["value"]["relative"] == pytest.approx(relative(error, kept, moved))
    step = np.linalg.norm(moved.astype(float) - old)
    assert record["value"]["relative_to_step"] == pytest.approx(np.linalg.norm(error) / step)
    assert record["value"]["unchanged"] == int(((moved != old) & (kept == old)).sum())
    errors = buffer.astype(float) - g
    assert record["state"]["momentum"]["relative"] == pytest.approx(relative(errors, buffer, g))
    assert record["value"]["ulp_of"] == record["state"]["momentum"]["ulp_of"] == "bfloat16"
    assert record["gradient"]["relative"] == 0  # the product's output is in bfloat16 already


def test_gradients_are_measured_without_the_scale_of_the_loss():
    run = "policy:fp16-amp,weight_gradients=bfloat16,loss_scaling="
    found = []
    for scaling in ("none", "static(4)"):
        _, records = compared(run + scaling, steps=1)
        found.append([r["gradient"]["relative"] for r in select(records, "update")])
    assert found[0] == pytest.approx(found[1])
    assert 0.001 < max(found[0]) < 0.01


def test_a_skipped_update_loses_nothing_and_is_counted():
    run = "policy:fp16-amp,loss_scaling=dynamic(1e30)"
    result, records = compared(run, steps=1)
    updates = select(records, "update")
    assert [r["skipped"] for r in updates] == [1, 1, 1, 1]
    assert all(r["value"]["count"] == r["gradient"]["count"] == 0 for r in updates)
    assert "skipped" in str(result)
    assert result.products == {}  # they overflow
    assert any("skipped every update" in sentence for sentence in result.headline)


def test_the_drift_of_the_state_is_that_of_separate_runs(mixed):
    task = nl.get_task("xor")
    config = task.config(steps=2)

    def buffers(arithmetic):
        runner = nl.instantiate(task.task, arithmetic, INTERPRETED)
        stepper = nl.Stepper(runner, config.optimizer)
        nl.run_steps(runner, config, task.train_data_for(runner.scalar), stepper=stepper)
        return [t.scalar.to_float(t.data) for t in stepper.state["momentum"]]

    truth = buffers("float64")
    for run, arithmetic in ((MIXED, policies.get("bf16-mixed")), ("ieee32exec", "ieee32exec")):
        (record,) = select(mixed[1], "step", dtype=run, step=1)
        figures, own = record["state"]["momentum"], buffers(arithmetic)
        errors = [x - t for x, t in zip(own, truth, strict=True)]
        whole = [np.concatenate([x.ravel() for x in each]) for each in (errors, own, truth)]
        assert figures["relative"] == pytest.approx(relative(*whole))
        assert set(figures["by_parameter"]) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert select(mixed[1], "step", dtype="float64", step=1)[0]["state"] is None


def test_each_number_is_measured_in_ulps_of_its_own_arithmetic():
    run = "policy:bf16-mixed,parameters=bfloat16"
    result, records = compared(run)
    step = select(records, "step", dtype=run)[0]
    assert (step["ulp_of"], step["loss_ulp_of"]) == ("bfloat16", "float32")
    operations = select(records, "operation", dtype=run)
    for record in operations:
        assert record["operation"].endswith(f" in {record['local_ulp_of']}")
    rounded = [r for r in operations if r["operation"] == "cast_from in bfloat16"]
    assert 0 < max(r["local"]["max_ulp"] for r in rounded) <= 0.5
    sums = [r for r in operations if r["operation"] == "matmul in float32"]
    assert all(r["total"]["count"] == r["local"]["count"] > 0 for r in sums)
    assert all(name.endswith(" in bfloat16") for name in step["flags"])
    assert "cast_from in bfloat16" in step["flags"]
    assert (
        records[0]["policies"][run].items()
        >= policy_to_plain(policies.get("bf16-mixed", parameters="bfloat16")).items()
    )
    assert "<h2>Products of layers</h2>" in (page := result.page())
    assert page.count("Momentum</b>") == 1


def test_measuring_changes_no_bit_of_a_run_by_a_policy():
    run = "policy:bf16-sr,loss_scaling=dynamic(16)"
    ends = []
    for options in ({"operations": True}, {"operations": False}, {"every": 2}):
        (record,) = select(compared(run, steps=3, **options)[1], "run", dtype=run)
        ends.append(record["state_digest"])
    assert len(set(ends)) == 1


def test_a_comparison_without_policies_has_no_records_of_them():
    _, records = compared("ieee32exec", steps=1)
    assert {r["record"] for r in records} == {"comparison", "step", "operation", "run"}
    assert "policies" not in records[0]
    assert all("state" not in r for r in select(records, "step"))


def test_constants_that_are_infinite_are_not_introduced_by_an_operation():
    result, records = compared("policy:fp8-current", steps=1)
    assert any(r["inf"] for r in select(records, "operation"))
    assert not any(r["introduced_nonfinite"] for r in select(records, "operation"))
    assert "quantisation of its operands" in " ".join(result.headline)


def test_constants_of_the_optimizer_are_checked_in_the_arithmetic_of_the_update():
    config = nl.TrainConfig(1, 4, nl.adam(0.01))
    narrow = "policy:bf16-mixed,parameters=bfloat16,weight_gradients=bfloat16,optimizer=bfloat16"
    for run, count in ((narrow, 1), ("policy:bf16-mixed,reductions=bfloat16", 0)):
        result, _ = compared(run, config=config, operations=False)
        found = [text for text in result.header["warnings"][run] if "beta2 = 0.999 is 1" in text]
        assert len(found) == count


def test_the_truth_is_in_one_dtype():
    with pytest.raises(nl.NumleanError, match="the truth is a run in one dtype"):
        compared("float32", truth=MIXED)


def test_a_policy_and_a_runner_by_it_are_named_by_the_policy():
    runner = nl.instantiate(nl.get_task("xor").task, policies.get("bf16-mixed"), INTERPRETED)
    result, _ = compared(policies.get("tf32"), runner, steps=1, operations=False)
    assert result.measured == ("policy:tf32", MIXED)


def test_the_command_takes_lists_of_policies_and_dtypes(tmp_path, capsys):
    file = tmp_path / "own.toml"
    file.write_text('base = "bf16-mixed"\naccumulate = "exact"\n')
    policies_given = f"bf16-mixed,optimizer=bfloat16,{file},uniform(mp:9)"
    argv = ["compare", "xor", "--steps", "1", "--truth", "mp:30", "--policies", policies_given]
    dtypes = "policy:tf32,accumulate=blocked(float32, 4, float32):python,mp:8"
    assert main([*argv, "--dtypes", dtypes, "--no-operations", "--json"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert first["dtypes"] == [
        "policy:bf16-mixed,optimizer=bfloat16",
        f"policy:{file}",
        "policy:uniform(mp:9)",
        "policy:tf32,accumulate=blocked(float32, 4, float32):python",
        "mp:8",
        "mp:30",
    ]
    assert first["policies"][f"policy:{file}"]["forward.accumulate"] == "exact"
    assert len(first["policies"]) == 3


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ((), ("--dtypes", "--policies")),
        (("--policies", "bf16-mixd"), ("bf16-mixd", "did you mean 'bf16-mixed'")),
        (("--policies", "tf32,nothing=1"), ("unknown policy field 'nothing'",)),
        (("--policies", "tf32,tf32"), ("policy:tf32", "twice")),
        (("--policies", "uniform(float32"), ("opens a parenthesis",)),
        (("--policies", "tf32", "--truth", "policy:tf32"), ("truth", "one dtype")),
        (("--policies", "p.toml", "--jsonl", "p.toml"), ("--policies", "would be overwritten")),
        (("--dtypes", "mp:9,policy:p.toml:python", "--jsonl", "p.toml"), ("overwritten",)),
    ],
)
def test_wrong_use_is_one_line(argv, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.toml").write_text('base = "tf32"\n')
    assert main(["compare", "xor", "--steps", "1", *argv]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert all(word in message for word in words), message
    assert (tmp_path / "p.toml").read_text() == 'base = "tf32"\n'
