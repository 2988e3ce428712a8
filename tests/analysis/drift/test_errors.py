"""Errors of parameters, losses and operations, compared with exact rationals computed here."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean.analysis.drift import ErrorStats, UlpScale
from numlean.analysis.drift.norm import ScaledNorm
from numlean.analysis.drift.records import as_line
from numlean.analysis.lockstep.replay import StepSnapshot, trace_step
from numlean.analysis.lockstep.states import RecordingOptimizer, RunState

STEPS = 4
INTERPRETED = nl.Options(device="python")  # compiles nothing
FORMATS = pytest.mark.parametrize(
    ("dtype", "precision", "emin"), [("bfloat16", 8, -126), ("float64", 53, -1022)]
)


def fractions(scalar, x):
    values = np.asarray(scalar.to_exact(np.asarray(x)), dtype=object).ravel()
    return [Fraction(*rational(value._mpf_)) for value in values]


def rational(raw):
    sign, significand, exponent, _ = raw
    signed = -int(significand) if sign else int(significand)
    return signed * 2 ** max(int(exponent), 0), 2 ** max(-int(exponent), 0)


def floor_log2(x):
    exponent = x.numerator.bit_length() - x.denominator.bit_length()
    return exponent if Fraction(2) ** exponent <= x else exponent - 1


def ulps(value, right, precision, emin=None):
    """Return the distance in ulps of the greater one."""
    if value == right:
        return Fraction(0)
    exponent = floor_log2(max(abs(value), abs(right)))
    exponent = exponent if emin is None else max(exponent, emin)
    return abs(value - right) / Fraction(2) ** (exponent - precision + 1)


def records_of(task, *dtypes, **options):
    lines = []
    options = {"config": nl.get_task(task).config(steps=STEPS), "options": INTERPRETED} | options
    result = nl.compare(task, *dtypes, write=lambda r: lines.append(as_line(r)), **options)
    return result, [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def xor():
    return records_of("xor", "bfloat16", "float64", seeds=2)


def select(records, kind, **keys):
    return [r for r in records if r["record"] == kind and all(r[k] == v for k, v in keys.items())]


def trained(dtype, seed):
    """Return the losses and parameters after each step, without the code under test."""
    task = nl.get_task("xor")
    config = task.config(steps=STEPS, seed=seed)
    runner = nl.instantiate(task.task, dtype, nl.Options(seed=seed, device="python"))
    found = []

    def keep(stepper, loss):
        found.append((loss, list(stepper.runner.params)))

    nl.run_steps(runner, config, task.train_data_for(runner.scalar), on_step=keep)
    return runner.scalar, found


@pytest.mark.parametrize(
    ("dtype", "precision", "emin"), [("bfloat16", 8, -126), ("float64", 53, -1022)]
)
def test_figures_of_parameters_and_losses_are_those_of_exact_rationals(xor, dtype, precision, emin):
    scalar, run = trained(dtype, seed=1)
    wide, truth = trained("mp:200", seed=1)
    steps = select(xor[1], "step", dtype=dtype, seed=1)
    assert [record["step"] for record in steps] == list(range(STEPS))
    for record, (loss, params), (true_loss, true) in zip(steps, run, truth, strict=True):
        (ours,), (right,) = fractions(scalar, loss.data), fractions(wide, true_loss.data)
        assert record["loss"] == float(ours)
        assert int(record["loss_bits"], 16) == scalar.to_bits(loss.data).item()
        assert record["loss_error_ulp"] == pytest.approx(ulps(ours, right, precision, emin))
        assert record["loss_relative_error"] == pytest.approx(abs(ours - right) / right)
        values = [v for p in params for v in fractions(scalar, p.data)]
        exact = [v for p in true for v in fractions(wide, p.data)]
        errors = [ulps(v, t, precision, emin) for v, t in zip(values, exact, strict=True)]
        figures = record["parameters"]
        assert figures["count"] == len(values) == 33
        assert figures["exact"] == errors.count(0)
        assert figures["max_ulp"] == pytest.approx(max(errors))
        assert figures["median_ulp"] == pytest.approx(sorted(errors)[16])
        assert figures["rms_ulp"] == pytest.approx(math.sqrt(sum(e * e for e in errors) / 33))
        bins = [floor_log2(e) for e in errors if e]
        assert figures["histogram"] == {str(k): bins.count(k) for k in sorted(set(bins))}
        relative = [abs(v - t) / abs(t) for v, t in zip(values, exact, strict=True) if t]
        assert figures["max_relative"] == pytest.approx(max(relative))
        flips = sum(v * t < 0 for v, t in zip(values, exact, strict=True))
        assert (figures["sign_flips"], figures["inf"], figures["nan"]) == (flips, 0, 0)


def traces(*dtypes):
    """Yield the operations of xor's first step in several arithmetics."""
    task = nl.get_task("xor")
    config = task.config(steps=1)
    for dtype in dtypes:
        spec = nl.RunSpec.parse(dtype, INTERPRETED)
        stepper = nl.Stepper(spec.runner(task.task), RecordingOptimizer(config.optimizer))
        before = RunState.of(stepper)
        batches = nl.data.minibatches(task.train_data_for(spec.scalar), config.batch_size, seed=0)
        snapshot = StepSnapshot(0, before, next(batches), before)
        yield spec.scalar, trace_step(task.task, config, spec, snapshot)[0]


def exact_matmul(a, b):
    return [sum(x * y for x, y in zip(r, c, strict=True)) for r in a for c in zip(*b, strict=True)]


@pytest.mark.parametrize(
    ("dtype", "precision", "emin"), [("bfloat16", 8, -126), ("float64", 53, -1022)]
)
def test_local_total_and_inherited_errors_are_those_of_exact_rationals(xor, dtype, precision, emin):
    (scalar, ours), (wide, true) = traces(dtype, "mp:200")
    chosen = [
        (a, t)
        for a, t in zip(ours, true, strict=True)
        if (a.place.phase, a.operation) in (("forward", "matmul"), ("update", "sub"))
    ]
    for layer in {a.place.layer for a, _ in chosen}:
        for operation in ("matmul", "sub"):
            pairs = [p for p in chosen if (p[0].place.layer, p[0].operation) == (layer, operation)]
            if not pairs:
                continue
            local, total, inherited, differences = [], [], [], []
            for a, t in pairs:
                results, right = fractions(scalar, a.result), fractions(wide, t.result)
                exact = exact_results(scalar, a)
                for z, e, r in zip(results, exact, right, strict=True):
                    local.append(ulps(z, e, precision, emin))
                    total.append(ulps(z, r, precision, emin))
                    inherited.append(ulps(e, r, precision, emin))
                    differences.append((z - r, max(abs(z), abs(r))))
            (record,) = select(
                xor[1],
                "operation",
                dtype=dtype,
                seed=0,
                step=0,
                layer=layer,
                operation=operation,
                phase=pairs[0][0].place.phase,
            )
            assert record["calls"] == len(pairs)
            for name, errors in (("local", local), ("total", total), ("inherited", inherited)):
                figures = record[name]
                assert figures["count"] == len(errors)
                assert figures["max_ulp"] == pytest.approx(max(errors), rel=1e-6)
                rms = math.sqrt(sum(e * e for e in errors) / len(errors))
                assert figures["rms_ulp"] == pytest.approx(rms, rel=1e-6)
            norm = sum(d * d for d, _ in differences) / sum(m * m for _, m in differences)
            assert record["total"]["relative"] == pytest.approx(math.sqrt(norm), rel=1e-6)
            if operation == "sub":
                assert max(local) <= Fraction(1, 2)


def exact_results(scalar, op):
    operands = [np.asarray(x) for x in op.operands]
    if op.operation == "matmul":
        a, b = (
            np.array(fractions(scalar, np.ascontiguousarray(x)), dtype=object).reshape(x.shape)
            for x in operands
        )
        return exact_matmul(a.tolist(), b.tolist())
    x, y = (fractions(scalar, np.ascontiguousarray(v)) for v in np.broadcast_arrays(*operands))
    return [p - q for p, q in zip(x, y, strict=True)]


def test_the_same_dtype_has_no_error_except_its_own_roundings():
    result, records = records_of("xor", "ieee32exec", "mp:24", truth="float32")
    for record in select(records, "step"):
        if record["dtype"] != "float32":
            assert record["loss_error_ulp"] == 0
            assert record["parameters"]["max_ulp"] == 0
            assert record["parameters"]["exact"] == record["parameters"]["count"] == 33
    operations = select(records, "operation")
    assert operations
    assert all(r["total"]["max_ulp"] == 0 == r["flipped_comparisons"] for r in operations)
    assert any(r["local"]["max_ulp"] > 0 for r in operations)
    assert "0" in str(result)


def test_correctly_rounded_operations_are_off_by_half_an_ulp_at_most(xor):
    for dtype in ("bfloat16", "float64"):
        operations = select(xor[1], "operation", dtype=dtype)
        single = [r for r in operations if r["operation"] in ("add", "sub", "mul", "div", "tanh")]
        assert max(r["local"]["max_ulp"] for r in single) <= 0.5 + 1e-12
        assert max(r["total"]["max_ulp"] for r in single) > 1


def test_overflows_and_nans_are_counted_where_they_are_introduced_and_left_out_of_errors():
    config = nl.TrainConfig(6, 4, nl.sgd(1e4))
    _, records = records_of("xor", "binary16", config=config, truth="mp:60")
    last = select(records, "step", dtype="binary16", step=5)[0]
    assert last["loss"] is None
    assert last["loss_text"] == "nan"
    assert last["parameters"]["nan"] + last["parameters"]["inf"] > 0
    operations = select(records, "operation")
    assert sum(r["introduced_nonfinite"] for r in operations) > 0
    assert sum(r["inf"] for r in operations) > 0
    first = next(r for r in operations if r["inf"] + r["nan"])
    assert first["introduced_nonfinite"] == first["inf"] + first["nan"]
    assert any(
        sum(f["overflow"] for f in r["flags"].values())
        for r in select(records, "step", dtype="binary16")
    )


def test_flags_are_those_of_a_counting_run(xor):
    (record,) = select(xor[1], "step", dtype="bfloat16", seed=0, step=0)
    task = nl.get_task("xor")
    counting = nl.CountingScalar(nl.get_scalar("bfloat16", "python"))
    config = task.config(steps=1)
    runner = nl.instantiate(task.task, counting)
    counting.counts.clear()
    nl.run_steps(runner, config, task.train_data_for(runner.scalar))
    counted = {name: flags.as_dict() for name, flags in counting.counts.items()}
    assert record["flags"] == counted
    assert all(r["flags"] is None for r in select(xor[1], "step", dtype="float64"))


def test_compiled_runs_have_the_figures_of_eager_ones():
    eager = records_of("xor", "bfloat16", truth="float64")[1]
    options = nl.Options(backend="compiled", device="python")
    compiled = records_of("xor", "bfloat16", truth="float64", options=options)[1]
    assert compiled[1:] == eager[1:]


def test_measuring_changes_no_bit_of_a_run(xor):
    for seed in (0, 1):
        task = nl.get_task("xor")
        for run in select(xor[1], "run", seed=seed):
            scalar, _ = run["dtype"], None
            runner = nl.instantiate(task.task, scalar, nl.Options(seed=seed, device="python"))
            config = task.config(steps=STEPS, seed=seed)
            nl.run_steps(runner, config, task.train_data_for(runner.scalar))
            names = (spec.name for spec in task.task.model.parameters)
            named = list(zip(names, runner.params, strict=True))
            assert run["state_digest"] == nl.state_digest(named)
            assert run["value_digest"] == nl.value_digest(named)


def test_accuracy_is_that_of_the_run_at_its_steps():
    task = nl.get_task("iris")
    config = task.config(steps=6)
    chosen = {"config": config, "truth": "float64", "options": nl.Options()}
    _, records = records_of("iris", "float32", tests=2, operations=False, **chosen)
    found = {r["step"]: r["accuracy"] for r in select(records, "step", dtype="float32")}
    assert {step for step, value in found.items() if value is not None} == {2, 5}
    runner = nl.instantiate(task.task, "float32")
    nl.run_steps(runner, config, task.load().train)
    right, count = runner.accuracy(task.load().test)
    assert found[5] == right / count
    assert not select(records, "operation")


def test_layers_that_draw_at_random_are_compared_on_the_same_draws():
    layers = nl.nn.Linear(2, 6), nl.nn.ReLU(), nl.nn.Dropout(0.5, 3), nl.nn.Linear(6, 1)
    data = nl.get_task("xor").load()
    options = {"config": nl.TrainConfig(3, 4), "data": data, "truth": "mp:60"}
    options["options"] = INTERPRETED
    task = nl.Task.regression(nl.nn.Sequential(*layers))
    lines = []
    nl.compare(task, "float32", "bfloat16@round=stochastic", write=lines.append, **options)
    drawn = select(lines, "operation", dtype="float32", operation="from_host_callback")
    assert drawn
    assert all(r["local"]["count"] == 0 < r["total"]["count"] for r in drawn)
    assert max(r["total"]["max_ulp"] for r in drawn) <= 0.5
    stochastic = select(lines, "operation", dtype="bfloat16@round=stochastic", operation="mul")
    assert 0.5 < max(r["local"]["max_ulp"] for r in stochastic) < 1


def test_convolutions_are_compared_operation_by_operation():
    cnn = nl.nn.Sequential(nl.nn.Conv2d(1, 2, 3), nl.nn.Flatten(), nl.nn.Linear(8, 2))
    draws = np.random.Generator(np.random.Philox(7))
    data = nl.Dataset.of_arrays(draws.random((4, 1, 4, 4)), np.eye(2)[[0, 1, 1, 0]])
    lines = []
    task = nl.Task.classification(cnn)
    options = {"config": nl.TrainConfig(2, 2), "data": data, "truth": "mp:60"}
    options["options"] = INTERPRETED
    nl.compare(task, "bfloat16", "float32", write=lines.append, **options)
    operations = select(lines, "operation", dtype="float32")
    assert all(r["local"]["count"] == r["total"]["count"] for r in operations)
    assert {"matmul", "add", "sum"} <= {r["operation"] for r in operations}


def test_every_so_many_steps_and_the_last_are_measured():
    config = nl.get_task("xor").config(steps=8)
    _, records = records_of("xor", "float32", config=config, truth="float64", every=3)
    assert [r["step"] for r in select(records, "step", dtype="float32")] == [0, 3, 6, 7]


def test_an_ulp_scale_has_the_precision_of_formats_without_an_encoding():
    for bits in (2, 23, 24, 53, 200):
        assert UlpScale.of(nl.get_scalar(f"mp:{bits}")).precision == bits
    assert UlpScale.of(nl.get_scalar("e4m3")) == UlpScale("e4m3", 4, -6)


def test_fixed_point_numbers_have_one_ulp_and_those_of_tapered_precision_that_of_all_bits():
    grid = UlpScale.of(nl.get_scalar("fixed:4.4", "python"))
    assert grid == UlpScale("fixed:4.4", 7, 2)
    a, b = np.array([7.0, 0.0625, 0.03]), np.array([6.9375, 0.0, 0.0])
    assert grid.ulps(a - b, a, b).tolist() == [1.0, 1.0, 0.48]
    for dtype, precision in (("posit8", 4), ("takum8", 4), ("lns:4.4", 5)):
        scale = UlpScale.of(nl.get_scalar(dtype, "python"))
        assert (scale.precision, scale.emin) == (precision, None)


def test_correctly_rounded_operations_on_fixed_point_numbers_are_within_half_an_ulp():
    config = nl.get_task("xor").config(steps=2)
    result, records = records_of("xor", "fixed:4.4:python", config=config, truth="mp:100")
    local = {r["operation"]: r["local"] for r in select(records, "operation")}
    for name in ("tanh", "sub", "add"):
        assert local[name]["max_ulp"] <= 0.5, name
    (last,) = result.last("fixed:4.4:python")
    parameters = last["parameters"]
    inexact = parameters["count"] - parameters["exact"]
    assert sum(parameters["relative_histogram"].values()) == inexact > 0
    measure = records[0]["measures"]["fixed:4.4:python"]
    assert measure["magnitudes"] == [-4, 2]
    assert measure["grid"]["emin"] == 2


def test_ulps_count_at_the_greater_magnitude_and_at_the_least_exponent():
    grid = UlpScale.of(nl.get_scalar("e4m3"))
    a, b = np.array([1.0, 0.0, 2.0**-9, 4.0]), np.array([1.125, 1.0, 0.0, -4.0])
    assert grid.ulps(a - b, a, b).tolist() == [1.0, 8.0, 1.0, 16.0]


def test_merged_stats_equal_those_of_all_numbers_together():
    rng = np.random.Generator(np.random.Philox(1))
    whole, parts = ErrorStats(), ErrorStats()
    errors, values = rng.random((2, 100)) * 10.0 ** rng.integers(-200, 200, 100)
    ulps = rng.random(100)
    whole.add(ulps, errors, values, values)
    for k in range(0, 100, 30):
        part = ErrorStats()
        part.add(*(x[k : k + 30] for x in (ulps, errors, values, values)))
        parts.merge(part)
    found, expected = parts.as_plain(), whole.as_plain()
    assert found.pop("histogram") == expected.pop("histogram")
    assert found == pytest.approx(expected)
    assert whole.rms_ulp == pytest.approx(math.sqrt((ulps**2).mean()))


@pytest.mark.parametrize("scale", [1e-320, 1e-160, 1.0, 1e300])
def test_norms_neither_overflow_nor_vanish(scale):
    norm, three = ScaledNorm(), ScaledNorm()
    norm.add(np.array([3.0, 4.0]) * scale)
    three.add(np.array([3.0 * scale]))
    assert norm.by(three) == pytest.approx(5 / 3, rel=1e-3)
