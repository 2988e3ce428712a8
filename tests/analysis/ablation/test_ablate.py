"""Ablations of small runs: rows, spreads, sentences, early ends, pages."""

import json
import math
from dataclasses import replace

import pytest

import numlean as nl
from numlean.analysis.ablation import Omission, Row, SeedRun, Variant
from numlean.analysis.ablation.seed_run import relative_distance
from numlean.analysis.drift.records import as_line
from numlean.autograd.tensor import Tensor
from numlean.data import minibatches
from numlean.scalar.registry import get_scalar

PYTHON = nl.Options(device="python", backend="compiled")
SMALL = {"steps": 2, "options": PYTHON}


@pytest.fixture(scope="module")
def records():
    return []


@pytest.fixture(scope="module")
def ablated(records):
    return nl.ablate("xor", "bf16-mixed", seeds=2, write=records.append, **SMALL)


def test_each_row_is_the_run_of_its_policy_from_the_same_seeds(ablated):
    task = nl.get_task("xor")
    for row in (ablated.unchanged, ablated.row("parameters demoted"), ablated.everything):
        for run in row.runs:
            config = task.config(steps=2, seed=run.seed)
            options = nl.Options(device="python", seed=run.seed)
            runner = nl.instantiate(task.task, row.policy, options)
            stepper = nl.stepper(runner, config.optimizer)
            batches = minibatches(task.train_data_for(runner.scalar), 4, seed=run.seed)
            losses = [stepper.step(next(batches)).item() for _ in range(2)]
            assert run.losses == tuple(enumerate(losses))
            assert run.state_digest == nl.state_digest(runner.named_parameters)
            assert run.loss == runner.reported_loss(task.load().test).item()


def test_rows_are_compared_seed_by_seed(ablated):
    row = ablated.row("parameters demoted")
    differences = [a.loss - b.loss for a, b in zip(row.runs, ablated.unchanged.runs, strict=True)]
    assert ablated.difference(row).values == tuple(differences)
    assert ablated.has_same_bits(ablated.row("weights promoted"))
    assert not ablated.has_same_bits(ablated.unchanged)
    assert not ablated.has_same_bits(row)
    assert ablated.everything.sample(lambda run: run.drift).mean < 1e-6
    with pytest.raises(nl.NumleanError, match=r"unknown row 'weight promoted'.*weights promoted"):
        ablated.row("weight promoted")


def test_the_text_names_every_row_and_says_what_was_left_out(ablated):
    text = str(ablated)
    lines = text.splitlines()
    for row in ablated.rows:
        assert any(line.startswith(row.name) for line in lines)
    assert "Each part is promoted alone to float32, each part demoted alone to bfloat16." in lines
    assert "Not demoted: forward (the same policy as forward.accumulate demoted)." in lines
    assert "corrected for" in text
    assert "same bits" in text


def test_records_repeat_the_rows_and_are_lines_of_json(ablated, records):
    first, *runs = (json.loads(as_line(each)) for each in records)
    assert (first["record"], first["low"], first["seeds"]) == ("ablation", "bfloat16", [0, 1])
    assert [each["row"] for each in first["rows"]] == [row.name for row in ablated.rows]
    assert {each["part"] for each in first["omissions"]} >= {"forward", "optimizer.momentum"}
    made = [each for each in runs if each["record"] == "run"]
    assert len(made) == 2 * (1 + len(ablated.rows))
    assert sum(each["row"] is None for each in made) == 2
    (row,) = (each for each in runs if each["record"] == "row" and each["row"] == "unchanged")
    assert row["loss"]["mean"] == ablated.unchanged.sample(lambda run: run.loss).mean
    assert row["accuracy"] is None
    assert runs[-1]["headline"] == [*ablated.headline]


def test_the_page_is_well_formed_and_loads_nothing(ablated):
    text = ablated.page()
    for row in ablated.rows:
        assert row.name in text
        assert row.runs[0].value_digest in text
    assert text.count("<svg") == 3  # loss, distance, curves: xor has no accuracy
    for word in ("http:", "https:", "url(//", "@import", "<link", " style="):
        assert word not in text
    for word in ("prefers-color-scheme: dark", "@media print", "activations: bfloat16 → float32"):
        assert word in text
    assert text.count("<table") == text.count("</table>")


def test_an_ablation_ends_after_the_step_that_says_so_and_keeps_complete_runs():
    steps = iter(range(1000))
    found = nl.ablate("xor", "bf16-mixed", seeds=2, **SMALL, on_step=lambda: next(steps) >= 6)
    assert (found.stop.row, found.stop.seed, found.stop.steps) == (found.rows[2].name, 0, 1)
    assert [len(row.runs) for row in found.rows[:3]] == [1, 1, 0]
    assert "only complete runs are shown" in str(found)
    assert "stopped after 1 of 2 steps" in found.page()
    found = nl.ablate("xor", "uniform(float32)", steps=2, on_step=lambda: True)
    assert found.headline == (
        "No run of the unchanged policy was completed, so nothing was measured.",
    )
    assert "<table" in found.page()


def test_an_end_after_the_last_step_is_not_early():
    found = nl.ablate("xor", "uniform(float32)", seeds=1, steps=1, on_step=lambda: True)
    assert found.stop is None
    assert [row.name for row in found.rows] == ["unchanged"]
    assert "nothing was promoted" in found.headline[0]
    assert "name a low format" in str(found)


def test_wrong_use_is_refused_before_a_step():
    def steps():
        raise AssertionError

    for wrong, message in (
        ({"policy": "bf16"}, "unknown policy 'bf16'"),
        ({"low": "float64"}, "low must be narrower than high, float32; got float64"),
        ({"high": "float33"}, "unknown dtype 'float33'"),
        ({"seeds": 0}, "seeds must be from 1 to 1000000, got 0"),
        ({"steps": -1}, "the number of steps must not be negative, got -1"),
        ({"policy": "bf16-mixed,weights=e4m3"}, "weight_gradient.output"),
        ({"truth": "nothing"}, "unknown dtype 'nothing'"),
    ):
        arguments = {"policy": "bf16-mixed", "options": PYTHON, "on_step": steps, **wrong}
        with pytest.raises(nl.NumleanError) as error:
            nl.ablate("xor", arguments.pop("policy"), **arguments)
        assert message in str(error.value)
    with pytest.raises(nl.NumleanError, match="no default config and data"):
        nl.ablate(nl.get_task("xor").task, "bf16-mixed")


def test_a_policy_narrower_in_its_losses_than_in_its_activations_trains():
    found = nl.ablate("xor", "bf16-mixed", low="e4m3", seeds=1, steps=1, options=PYTHON)
    assert len(found.row("reductions demoted").runs) == 1
    assert not [each for each in found.omissions if each.is_impossible]


def test_the_distance_of_parameters_is_relative_and_knows_numbers_that_are_not_finite():
    narrow, wide = get_scalar("bfloat16"), get_scalar("mp:100")
    ours, theirs = [Tensor.of(narrow, [3.0, 0.0])], [Tensor.of(wide, [3.0, 4.0])]
    assert relative_distance(ours, theirs) == pytest.approx(0.8)
    assert relative_distance(ours, ours) == 0
    dead = [Tensor.of(narrow, [math.nan, 0.0])]
    assert relative_distance(dead, theirs) == math.inf
    assert math.isnan(relative_distance(dead, dead))


BASE = SeedRun(0, 1.0, None, 0.5, None, None, (), "", "base")


def with_losses(ablated, losses, *, drifts=None, dead=()):
    """Return an ablation whose rows have other losses, drifts and dead seeds, by name."""
    rows = []
    for row in ablated.rows:
        values = losses.get(row.name, losses["else"])
        distances = (drifts or {}).get(row.name, [0.5] * len(values))
        event = object() if row.name in dead else None
        runs = tuple(
            replace(
                BASE, seed=k, loss=loss, drift=distances[k], nonfinite=event, value_digest=row.name
            )
            for k, loss in enumerate(values)
        )
        rows.append(replace(row, runs=runs))
    return replace(ablated, rows=tuple(rows))


def test_the_headline_claims_only_what_exceeds_the_spread(ablated):
    same = [1.0, 1.1, 1.2]
    clear = {
        "else": same,
        "forward promoted": [0.5, 0.601, 0.7],
        "parameters demoted": [3, 3.1, 3.2],
    }
    found = with_losses(ablated, clear)
    assert found.exceeds_spread(found.row("forward promoted"))
    assert found.headline == (
        "Of the policy's parts, forward costs most: with it in float32, the final loss is"
        " 0.5 ± 0.00058 lower (1.1 → 0.6003), which exceeds the spread over seeds.",
        "Of the demotions to bfloat16, that of parameters costs most: the final loss is 2 ± 0"
        " higher (1.1 → 3.1), which exceeds the spread over seeds.",
    )
    noisy = {"else": same, "forward promoted": [0.5, 1.1, 1.3], "parameters demoted": [3, 1, 1]}
    found = with_losses(ablated, noisy)
    assert not found.exceeds_spread(found.row("forward promoted"))
    assert found.headline == (
        "No single promotion to float32 lowers the final loss by more than the spread over seeds"
        " explains, nor does everything promoted: 0 ± 0 lower (1.1 → 1.1), so no part's cost is"
        " certain.",
        "No demotion to bfloat16 raises the final loss by more than the spread over seeds"
        " explains.",
    )
    drifts = {"gradients promoted": [0.1, 0.11, 0.1]}
    assert (
        "of the distance from float64, gradients costs most: 0.5, and 0.1 with it in float32"
        in (with_losses(ablated, noisy, drifts=drifts).headline[0])
    )
    one = with_losses(ablated, {"else": [1.0], "forward promoted": [0.5]})
    assert "one seed has no spread, so chance may explain this" in one.headline[0]
    assert "No demotion to bfloat16 raises the final loss." in one.headline


def test_the_headline_names_what_keeps_a_diverging_policy_finite(ablated):
    same = {"else": [1.0, 1.1, 1.2]}
    every = {row.name for row in ablated.rows}
    found = with_losses(ablated, same, dead=every - {"weights promoted", "forward promoted"})
    assert found.headline[0] == (
        "The unchanged policy stops being finite in 3 of 3 seeds; it stays finite in all of them"
        " with one change: weights promoted and forward promoted."
    )
    found = with_losses(ablated, same, dead=every - {"everything promoted"})
    assert found.headline[0].endswith(
        "no single change helps, and with everything promoted it stays finite."
    )
    found = with_losses(ablated, same, dead={"optimizer demoted", "parameters demoted"})
    assert found.headline[1] == (
        "Demoted to bfloat16, parameters and optimizer would cost most: not finite in 3 of 3 seeds."
    )
    worse = {**same, "reductions demoted": [3, 3.1, 3.2]}
    dead = {row.name for row in ablated.rows if "demoted" in row.name} - {"reductions demoted"}
    assert with_losses(ablated, worse, dead=dead).headline[1] == (
        "Demoted to bfloat16, parameters, weight_gradients, optimizer and 4 more would cost most:"
        " not finite in 3 of 3 seeds; with reductions demoted, the final loss is 2 ± 0 higher"
        " (1.1 → 3.1), which exceeds the spread over seeds."
    )
    certain = {**same, "everything promoted": [0.5, 0.625, 0.75]}
    assert (
        "while everything promoted does: it is 0.475 ± 0.025 lower (1.1 → 0.625)"
        in (with_losses(ablated, certain).headline[0])
    )


def test_a_diverging_policy_is_named_with_its_first_step_that_is_not_finite():
    config = nl.TrainConfig(3, 4, nl.sgd(1e30))
    found = nl.ablate("xor", "uniform(binary16)", seeds=1, config=config, options=PYTHON)
    run = found.unchanged.runs[0]
    assert run.nonfinite.step in (0, 1)
    assert "The unchanged policy stops being finite in 1 of 1 seed" in found.headline[0]
    assert f"unchanged, seed 0: not finite from step {run.nonfinite.step}; first " in str(found)
    assert "not finite from step" in str(found)
    assert "not finite" in found.page()


def test_delayed_scales_are_made_current_or_dropped():
    policy = "uniform(float32),forward.operands=e4m3,forward.scaling=delayed(history=2)"
    found = nl.ablate("xor", policy, low="e4m3", seeds=1, steps=1, options=PYTHON)
    assert not [each for each in found.omissions if each.is_impossible]
    for name, scaling in (("scaling made finer", "tensor"), ("scaling dropped", "none")):
        row = found.row(name)
        assert {each.rpartition(" ")[2] for each in row.variant.changes} == {scaling}
        assert math.isfinite(row.runs[0].drift)


def test_skipped_steps_of_loss_scaling_are_counted():
    policy = nl.policies.get("fp16-amp", loss_scaling="dynamic(1e30)")
    found = nl.ablate("xor", policy, seeds=1, steps=2, options=PYTHON)
    assert found.unchanged.skipped == (2,)
    assert found.row("loss_scaling dropped").skipped == ()
    assert found.everything.skipped == ()
    assert "skipped steps" in str(found)
    assert found.headline[0].startswith(
        "Of the policy's parts, loss_scaling costs most: without it"
    )


def test_a_row_that_fails_in_its_first_step_is_left_out_and_the_others_go_on(monkeypatch):
    from numlean.analysis.ablation.seed_run import Training

    run = Training.run

    def failing(self, spec, seed, reference):
        if spec.policy is not None and spec.policy.optimizer == "bfloat16":
            raise nl.NumleanError("no such product")
        return run(self, spec, seed, reference)

    monkeypatch.setattr(Training, "run", failing)
    records = []
    found = nl.ablate("xor", "bf16-mixed", seeds=1, write=records.append, **SMALL)
    wrong = Omission("optimizer", "demoted", "not possible: no such product", True)
    assert wrong in found.omissions
    assert "optimizer demoted" not in [row.name for row in found.rows]
    assert all(len(row.runs) == 1 for row in found.rows)
    assert [each["part"] for each in records if each["record"] == "omission"] == ["optimizer"]


def test_the_types_of_the_result_are_public_and_frozen(ablated):
    assert isinstance(ablated, nl.Ablation)
    assert isinstance(ablated.rows[0], Row)
    assert isinstance(ablated.rows[0].variant, Variant)
    with pytest.raises(AttributeError):
        ablated.rows = ()
