from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import numlean as nl
from numlean.autograd.indices import INDEX
from numlean.cli.main import main
from numlean.precision import parse_policy
from numlean.tasks.recipe import Recipe
from numlean.tasks.sources import TaskName
from numlean.training.engine.shards.cutting import balanced_sum, cut, stream_index

X = np.linspace(-1.0, 1.5, 7 * 3).reshape(7, 3) ** 3
Y = np.sin(np.arange(7.0 * 2)).reshape(7, 2)
LINEAR = nl.Task.regression(nl.nn.Sequential(nl.nn.Linear(3, 2)))
NORM = nl.Task.regression(
    nl.nn.Sequential(
        *(nl.nn.Linear(3, 4), nl.nn.BatchNorm(4), nl.nn.ReLU(), nl.nn.BatchNorm(4)),
        nl.nn.Linear(4, 2),
    )
)


def trained(task, dtype, shards, backend="eager", statistics="shard", steps=3, batch=7):
    options = nl.Options(backend=backend, shards=shards, batch_statistics=statistics)
    runner = nl.instantiate(task, dtype, options)
    stepper = nl.stepper(runner, nl.momentum_sgd(0.25, 0.5))
    losses = [stepper.step(nl.Batch(X[:batch], Y[:batch])).item() for _ in range(steps)]
    return runner, losses


def bits(runner):
    return nl.state_digest(runner.named_parameters)


def tree(values):
    half = 2 ** int(np.log2(len(values) - 0.5)) if len(values) > 1 else 0
    return values[0] if len(values) == 1 else tree(values[:half]) + tree(values[half:])


def test_a_step_adds_the_gradients_of_shards_by_the_stated_tree():
    f32, shards = np.float32, [slice(0, 3), slice(3, 5), slice(5, 7)]
    runner = nl.instantiate(LINEAR, "float32")
    w, b = (p.numpy().astype(f32) for p in runner.params)
    losses, gradients = [], []
    for rows in shards:
        share = f32((rows.stop - rows.start) / 7)
        loss, (of_w, of_b) = runner.loss_and_gradient(nl.Batch(X[rows], Y[rows]))
        losses.append(share * f32(loss.item()))
        # The cotangent of the mean is the share divided by the number of elements.
        z = X[rows].astype(f32)
        o = np.zeros((len(z), 2), f32)
        for k in range(3):
            o = o + z[:, k : k + 1] * w[:, k]
        o = o + b
        e = o - Y[rows].astype(f32)
        c = (share / f32(e.size)) * e
        g = c + c
        of_w, of_b = np.zeros_like(w), np.zeros_like(b)
        for r in range(len(z)):
            of_w, of_b = of_w + g[r][:, None] * z[r], of_b + g[r]
        gradients.append((of_w, of_b))
    stepped, (loss,) = trained(LINEAR, "float32", 3, steps=1)
    assert f32(loss) == tree(losses)
    for k, before in enumerate((w, b)):
        rate, gradient = f32(0.25), tree([each[k] for each in gradients])
        expected = before - rate * gradient
        assert np.array_equal(stepped.params[k].numpy(), expected)


@pytest.mark.parametrize("dtype", ["float32", "mp:24", "bf16-mixed", "bfloat16@round=stochastic"])
@pytest.mark.parametrize("statistics", ["shard", "batch"])
def test_both_engines_give_the_same_bits(dtype, statistics):
    dtype = nl.policies.get(dtype) if dtype == "bf16-mixed" else dtype
    eager = trained(NORM, dtype, 3, "eager", statistics)
    compiled = trained(NORM, dtype, 3, "compiled", statistics)
    assert bits(eager[0]) == bits(compiled[0])
    assert eager[1] == compiled[1]


@pytest.mark.parametrize("policy", ["fp8-delayed", "fp16-amp"])
def test_scales_of_a_run_follow_all_shards(policy):
    runs = [trained(LINEAR, nl.policies.get(policy), 3, each) for each in ("eager", "compiled")]
    assert bits(runs[0][0]) == bits(runs[1][0])
    whole, _ = trained(LINEAR, nl.policies.get(policy), 1)
    scales = [name for name, _ in whole.named_parameters if name.startswith("delayed_scaling")]
    own, others = dict(whole.named_parameters), dict(runs[0][0].named_parameters)
    # The greatest input of the batch is that of one of its shards.
    for name in scales:
        if ".input.history" in name:
            assert own[name].tolist() == others[name].tolist()


def test_the_tree_is_that_of_pairwise_sums():
    generator = np.random.default_rng(3)
    for count in range(1, 12):
        values = generator.normal(size=count)
        terms = [nl.Tensor.of("bfloat16", value) for value in values]
        expected = nl.Tensor.of("bfloat16", values).sum(reduction="pairwise")
        assert balanced_sum(terms).item() == expected.item()


def test_one_shard_is_the_run_without_shards():
    assert bits(trained(NORM, "float32", 1)[0]) == bits(
        trained(NORM, "float32", 1, "compiled", "batch")[0]
    )
    assert (
        type(nl.stepper(nl.instantiate(NORM, "mp:8"), nl.sgd(0.1)).engine).__name__ == "EagerEngine"
    )


def test_statistics_of_the_batch_are_those_of_a_batch_that_is_not_cut():
    def statistics(runner):
        named = dict(runner.named_parameters)
        return [named[f"1.running_{each}"].tolist() for each in ("mean", "var")]

    whole = statistics(trained(NORM, "float32", 1, steps=1)[0])
    assert statistics(trained(NORM, "float32", 3, "eager", "batch", steps=1)[0]) == whole
    assert statistics(trained(NORM, "float32", 3, "eager", "shard", steps=1)[0]) != whole


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_exact_sums_make_the_number_of_shards_immaterial(backend):
    layers = nl.nn.Linear(3, 4, bias=False), nl.nn.Tanh(), nl.nn.Linear(4, 2, bias=False)
    task = nl.Task.regression(nl.nn.Sequential(*layers))
    policy = "uniform(mp:24),accumulate={}"

    def digests(rule, counts):
        runs = (trained(task, parse_policy(policy.format(rule)), n, backend) for n in counts)
        return {bits(runner) for runner, _ in runs}

    assert len(digests("exact", (1, 2, 3, 7, 20))) == 1
    assert len(digests("ordered(mp:24)", (1, 2, 3, 7))) > 1


def test_exact_sums_go_over_the_positions_of_a_convolution_too():
    layers = nl.nn.Conv2d(1, 2, 2, bias=False), nl.nn.Flatten()
    task = nl.Task.regression(nl.nn.Sequential(*layers))
    generator = np.random.default_rng(4)
    batch = nl.Batch(generator.normal(size=(8, 1, 3, 3)), generator.normal(size=(8, 8)))
    found = set()
    for shards in (1, 4, 8):
        options = nl.Options(shards=shards)
        runner = nl.instantiate(task, parse_policy("bf16-mixed,accumulate=exact"), options)
        stepper = nl.stepper(runner, nl.sgd(0.5))
        for _ in range(2):
            stepper.step(batch)
        found.add(bits(runner))
    assert len(found) == 1


def test_more_shards_than_samples_leave_some_without_a_part():
    many, exact = trained(LINEAR, "float32", 20, batch=4), trained(LINEAR, "float32", 4, batch=4)
    assert many[1] == exact[1]
    assert bits(many[0]) == bits(exact[0])


def test_random_numbers_of_a_step_are_those_of_its_shards():
    indices = [stream_index(step, part, 3) for step in range(4) for part in range(4)]
    assert indices == list(range(16))
    task = nl.Task.regression(nl.nn.Sequential(nl.nn.Dropout(0.5), nl.nn.Linear(3, 2)))
    ones = nl.Batch(np.ones((4, 3)), np.zeros((4, 2)))
    runner = nl.instantiate(task, "float64", nl.Options(shards=2))
    runner.keeps_outputs = True
    stepper = nl.stepper(runner, nl.sgd(0.0))
    stepper.step(ones)
    ((output, _),) = stepper.outputs
    assert output.shape == (4, 2)
    assert output.numpy()[:2].tolist() != output.numpy()[2:].tolist()


def labels(values):
    return nl.Tensor(INDEX, np.array(values))


def test_shares_follow_what_the_mean_of_the_loss_divides_by():
    x = nl.Tensor.of("float32", np.zeros((4, 1)))
    plain = nl.losses.cross_entropy()
    weighted = nl.losses.cross_entropy(weight=(1.0, 3.0), ignore_index=9)
    total = replace(plain, reduction=nl.Reduction.SUM)
    y = labels([0, 1, -1, 1])
    assert [each.share for each in cut(x, labels([0, 1, 0, 1]), 2, plain)] == [Fraction(1, 2)] * 2
    assert [each.share for each in cut(x, y, 2, weighted)] == [Fraction(4, 7), Fraction(3, 7)]
    assert [each.share for each in cut(x, labels([0, 1, 0, 1]), 2, total)] == [1, 1]


def test_a_shard_without_a_label_that_counts_has_no_part():
    x = nl.Tensor.of("float32", np.arange(4.0).reshape(4, 1))
    loss = nl.losses.cross_entropy(ignore_index=9)
    (only,) = cut(x, labels([-1, -1, 0, -1]), 2, loss)
    assert (only.index, only.share, only.first) == (1, 1, 0)
    (first,) = cut(x, labels([-1] * 4), 2, loss)
    assert (first.index, first.share) == (0, 1)


def test_a_certificate_and_a_checkpoint_contain_the_shards(tmp_path):
    options = nl.Options(shards=3)
    made = nl.certify("xor", "mp:24", config=nl.get_task("xor").config(steps=3), options=options)
    assert made.run["shards"] == 3
    made.save(tmp_path / "c.json")
    assert nl.replay(tmp_path / "c.json", "mp:24:python:compiled").identical
    assert "shards" not in nl.certify("xor", "mp:8", config=nl.get_task("xor").config(steps=1)).run


def test_a_recipe_has_shards_only_where_batches_are_cut():
    plain = Recipe(TaskName("xor")).to_plain()
    assert "shards" not in plain
    assert "batch_statistics" not in plain
    cut_recipe = Recipe(TaskName("xor"), shards=4, batch_statistics="batch")
    assert Recipe.from_plain(cut_recipe.to_plain()) == cut_recipe
    assert cut_recipe.to_options().shards == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shards": 0}, "shards must be from 1 to 4096, got 0"),
        ({"shards": 2, "batch_statistics": "all"}, "unknown batch statistics 'all'"),
    ],
)
def test_misuse_is_one_line(options, message):
    with pytest.raises(nl.NumleanError, match=message):
        nl.Options(**options)


def test_a_run_in_shards_continues_from_its_checkpoint_with_the_same_bits(tmp_path, capsys):
    def train(*words):
        names = ["train", "xor", "--dtype", "bfloat16@round=stochastic", "--shards", "3"]
        status = main([*names, "--json", *words])
        return status, capsys.readouterr()

    (status, whole) = train("--steps", "4")
    assert status == 0
    path = str(tmp_path / "run")
    assert train("--steps", "2", "--save", path)[0] == 0
    status, rest = train("--steps", "4", "--resume", path)
    assert status == 0, rest.err
    digest = '"state_digest"'
    assert rest.out.split(digest)[1] == whole.out.split(digest)[1]


def test_the_certificate_of_a_run_in_shards_is_replayed_by_both_engines(tmp_path, capsys):
    path = str(tmp_path / "c.json")
    words = ["train", "xor", "--dtype", "mp:24", "--shards", "3", "--steps", "3"]
    assert main([*words, "--certificate", path]) == 0
    assert main(["replay", path]) == 0
    assert main(["replay", path, "--backend", "eager"]) == 0
    capsys.readouterr()
