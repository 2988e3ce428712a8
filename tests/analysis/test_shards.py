"""Comparisons of runs whose batches are cut into shards."""

import pytest

import numlean as nl
from numlean.analysis.drift.run import Run
from numlean.analysis.lockstep.lockstep import _Lockstep
from numlean.analysis.lockstep.replay import StepSnapshot, trace_step
from numlean.analysis.lockstep.run_spec import RunSpec
from numlean.analysis.lockstep.states import RecordingOptimizer, RunState
from numlean.precision import parse_policy

DIGITS = nl.get_task("digits")
STEPS = 3
CONFIG = DIGITS.config(steps=STEPS)


def spec(dtype, shards, backend="eager"):
    return RunSpec.parse(dtype, nl.Options(shards=shards, backend=backend))


def alone(dtype, shards):
    """Return the digest after each step of a run alone."""
    runner, digests = nl.instantiate(DIGITS.task, dtype, nl.Options(shards=shards)), []
    nl.run_steps(
        runner,
        CONFIG,
        DIGITS.train_data_for(runner.scalar),
        stepper=nl.stepper(runner, CONFIG.optimizer),
        on_step=lambda stepper, loss: digests.append(nl.state_digest(runner.named_parameters)),
    )
    return digests


@pytest.fixture
def made(monkeypatch):
    """Return the list of all steppers that comparisons make."""
    steppers = []

    def noting(kind, find):
        plain = kind.__init__

        def init(self, *words, **options):
            plain(self, *words, **options)
            steppers.extend(find(self))

        monkeypatch.setattr(kind, "__init__", init)

    noting(_Lockstep, lambda each: each._steppers)
    noting(Run, lambda each: [each.stepper])
    return steppers


@pytest.mark.parametrize("dtype", ["bfloat16", "bfloat16@round=stochastic"])
@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_each_step_of_a_crosscheck_is_that_of_the_run_alone(made, dtype, backend):
    seen = []

    def note(step):
        seen.append([nl.state_digest(each.runner.named_parameters) for each in made])

    runs = [spec(dtype, shards, backend) for shards in (1, 3)]
    found = nl.crosscheck(DIGITS, *runs, config=CONFIG, on_step=note, continue_=True)
    assert not found.identical
    assert seen == [[*each] for each in zip(*(alone(dtype, v) for v in (1, 3)), strict=True)]


def test_runs_in_different_shards_differ_in_a_number_that_is_named():
    runner = nl.instantiate(DIGITS.task, "bfloat16", nl.Options(shards=3))
    (pair,) = nl.crosscheck(DIGITS, "bfloat16", runner, config=CONFIG).pairs
    assert (pair.a, pair.b) == ("bfloat16", "bfloat16 in 3 shards")
    assert pair.first_different_step == 0
    assert pair.divergence.operation is None
    text = str(pair.divergence)
    assert "the runs cut a batch differently (not at all; into 3 shards" in text
    assert " at [" in text


def test_the_operation_of_a_fault_in_shards_is_found():
    ours = spec("ieee32exec", 3)
    theirs = ours.with_fault(nl.Fault("order", "matmul"))
    found = nl.crosscheck(DIGITS, ours, ours, theirs, config=DIGITS.config(steps=1))
    assert [pair.identical for pair in found.pairs] == [True, False, False]
    assert found.pairs[1].divergence.operation == "matmul"
    assert "last to the first" in str(found.pairs[1].divergence)
    with pytest.raises(nl.NumleanError, match="in shards has no step"):
        ours.with_fault(nl.Fault("order", "matmul", step=1))


def test_the_operations_of_all_shards_are_traced_with_both_engines():
    counts = []
    for backend, shards in (("eager", 3), ("compiled", 3), ("eager", 1)):
        side = spec("bfloat16", shards, backend)
        stepper = nl.Stepper(side.runner(DIGITS.task), RecordingOptimizer(CONFIG.optimizer))
        state = RunState.of(stepper)
        batch = DIGITS.train_data_for(side.scalar).batch(range(32))
        snapshot = StepSnapshot(0, state, batch, state)
        operations, _ = trace_step(DIGITS.task, CONFIG, side, snapshot)
        counts.append(sum(each is not None for each in operations))
    assert counts[0] == counts[1] > 2 * counts[2]


def test_a_comparison_measures_the_runs_in_shards(made):
    options = nl.Options(shards=3)
    found = nl.compare(DIGITS, "bfloat16", truth="float64", config=CONFIG, options=options)
    assert found.header["shards"] == 3
    truth, run = made
    assert nl.state_digest(truth.runner.named_parameters) == alone("float64", 3)[-1]
    assert nl.state_digest(run.runner.named_parameters) == alone("bfloat16", 3)[-1]


def test_operations_of_runs_that_are_cut_differently_are_not_compared():
    runner = nl.instantiate(DIGITS.task, "bfloat16", nl.Options(shards=3))
    options = {"truth": "float64", "config": CONFIG}
    with pytest.raises(nl.NumleanError, match="cut a batch in the same way: bfloat16 in 3 shards"):
        nl.compare(DIGITS, runner, **options)
    assert nl.compare(DIGITS, runner, operations=False, **options).header["truth"] == "float64"
    policy = parse_policy("bf16-mixed")
    with pytest.raises(nl.NumleanError, match="a run by a policy in 3 shards"):
        nl.compare(DIGITS, policy, options=nl.Options(shards=3), **options)
