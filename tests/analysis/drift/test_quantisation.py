"""Comparisons of runs by policies: what was done to each scaled operand."""

import json
import re

import numpy as np
import pytest

import numlean as nl
from numlean.analysis.drift.records import as_line
from numlean.precision import policies

INTERPRETED = nl.Options(device="python")  # compiles nothing
FLOOR = "policy:mxfp4,scaling=block(1x32, mx(rule=floor))"
NVFP4 = "policy:nvfp4"
FIRST, SECOND = "0 Linear(2, 8)", "2 Linear(8, 1)"


def compared(*runs, steps=2, **options):
    """Return a comparison of xor and its records of operands."""
    lines = []
    config = nl.get_task("xor").config(steps=steps)
    options = {"config": config, "options": INTERPRETED, "truth": "float64"} | options
    result = nl.compare("xor", *runs, write=lambda r: lines.append(as_line(r)), **options)
    records = [json.loads(line) for line in lines]
    return result, [r for r in records if r["record"] == "quantisation"]


@pytest.fixture(scope="module")
def both():
    return compared(FLOOR, NVFP4, seeds=2)


def select(records, **keys):
    return [r for r in records if all(r[k] == v for k, v in keys.items())]


def test_every_operand_of_every_product_has_figures_at_every_step(both):
    result, records = both
    products = {
        (FIRST, "forward", "input"),
        (FIRST, "forward", "weight"),
        (FIRST, "weight_gradient", "input"),
        (FIRST, "weight_gradient", "gradient"),
        (SECOND, "forward", "input"),
        (SECOND, "forward", "weight"),
        (SECOND, "input_gradient", "gradient"),
        (SECOND, "input_gradient", "weight"),
        (SECOND, "weight_gradient", "input"),
        (SECOND, "weight_gradient", "gradient"),
    }
    for run in (FLOOR, NVFP4):
        for seed, step in ((0, 0), (0, 1), (1, 0), (1, 1)):
            found = select(records, dtype=run, seed=seed, step=step)
            assert {(r["layer"], r["product"], r["operand"]) for r in found} == products
        assert set(result.quantisations[run]) == set(result.quantised_steps[run]) == products
        assert {*result.quantised_steps[run][FIRST, "forward", "weight"]} == {0, 1}


@pytest.mark.parametrize(
    ("run", "policy", "name", "options", "size"),
    [
        (FLOOR, "mxfp4", "mxfp4", {"preset": "torchao", "scale_rule": "floor"}, 32),
        (NVFP4, "nvfp4", "nvfp4", {"preset": "transformer_engine"}, 16),
    ],
)
def test_the_figures_of_weights_are_those_of_the_block_format(
    both, run, policy, name, options, size
):
    # The weights of the first step do not depend on the arithmetic; they are float32.
    runner = nl.instantiate(nl.get_task("xor").task, policies.get(policy), INTERPRETED)
    weight = np.asarray(dict(runner.named_parameters)["0.weight"].data)
    block_format = nl.get_block_format(name, size=size, device="python", **options)
    axis = (0, 1) if name == "nvfp4" else 1
    expected = block_format.quantize(weight, axis).statistics(weight)
    (record,) = select(
        both[1], dtype=run, seed=0, step=0, layer=FIRST, product="forward", operand="weight"
    )
    assert {**record, **json.loads(as_line(expected.as_plain()))} == record
    assert (record["element"], record["scale"]) == ("e2m1", block_format.scale)


def test_the_comparison_keeps_the_sums_over_steps_and_seeds(both):
    result, records = both
    key = SECOND, "weight_gradient", "gradient"
    own = result.quantisations[FLOOR][key]
    each = select(records, dtype=FLOOR, layer=key[0], product=key[1], operand=key[2])
    for name in ("tensors", "numbers", "clamped", "saturated", "flushed", "blocks"):
        assert getattr(own.statistics, name) == sum(r[name] for r in each)
    assert own.statistics.tensors == 4
    worst = max((r["worst"][0]["relative"], r["seed"], r["step"]) for r in each if r["worst"])
    first = own.statistics.worst[0]
    assert (first.relative, first.seed, first.step) == worst


def test_the_largest_shares_are_in_the_first_sentences(both):
    result, _ = both
    (floor,) = (each for each in result.headline if FLOOR in each and "saturated" in each)
    shares = {k: q.statistics.share_saturated for k, q in result.quantisations[FLOOR].items()}
    (layer, product, operand), share = max(shares.items(), key=lambda item: item[1])
    named = f"{operand}s of {layer} ({product.replace('_', ' ')} product)"
    assert f"{100 * share:.3g} % of the {named} are saturated" in floor
    assert not any("saturated" in each for each in result.headline if NVFP4 in each)


def test_text_and_page_show_every_operand(both):
    result, _ = both
    text, page = str(result), result.page()
    assert "scaled operands in policy:nvfp4" in text
    assert "e2m1/e4m3 16x16" in text
    assert page.count("<h2>Scaled operands</h2>") == 1
    assert page.count("<b>Scales of blocks</b>") == page.count("Blocks with the greatest") == 2
    assert page.count("<b>Relative errors of blocks</b>") == 2
    assert page.count("<b>Saturated</b> by step") == 1  # nothing saturates in nvfp4
    assert "weight grad. · 0 Linear(2, 8)" in page
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))
    assert not re.search(r"#a[1-5]0000|https?:", page)  # each colour is the style sheet's


def test_one_scale_for_a_tensor_or_a_float_for_each_block_is_shown_too():
    result, _ = compared("policy:deepseek-v3", "policy:fp8-delayed", steps=1)
    for run, text in (("deepseek-v3", "e4m3/float32 128x128"), ("fp8-delayed", "tensor")):
        own = result.quantisations[f"policy:{run}"][FIRST, "forward", "weight"]
        assert text in own.format
        assert 0 < own.statistics.relative < 0.05
    assert not any("infinities" in each for each in result.headline)  # xor has a row of zeros


def test_runs_without_scales_have_no_such_records():
    result, records = compared("policy:bf16-mixed", "bfloat16", steps=1)
    assert not records
    assert not result.quantisations
    assert "scaled operands" not in str(result)


def test_numbers_that_become_nans_are_reported():
    config = nl.TrainConfig(3, 4, nl.sgd(1e38))
    run = "policy:mxfp8,scaling=block(1x32, mx)"
    result, records = compared(run, config=config)
    found = [r for r in records if r["nonfinite_scales"]]
    assert found
    assert all(r["nonfinite"] + r["broken"] for r in found)
    assert any("have a scale that is not finite" in each for each in result.headline)
