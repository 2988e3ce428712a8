"""Recipes: an allow-list of the settings of a run, checked when they are read."""

import json
import os
from dataclasses import fields

import pytest

from numlean import Certificate, NumleanError, optim
from numlean.checkpoint import load
from numlean.cli.main import build_parser, main
from numlean.optim import schedules
from numlean.tasks import Recipe, RecordedRecipe, UntrustedPathError
from numlean.tasks.optimization import Clip, OptimizerChoice, ScheduleChoice
from numlean.tasks.recipe import VERSION, EvaluationChoice
from numlean.tasks.sources import TableSource, TaskName
from numlean.tasks.train_options import TrainOptions

FULL = Recipe(
    TaskName("xor"),
    steps=30,
    batch_size=3,
    seed=7,
    dtype="bfloat16",
    optimizer=OptimizerChoice("sgd", 0.5, 0.25, nesterov=True, weight_decay=0.125),
    schedule=ScheduleChoice("step", step_size=4, gamma=0.5, warmup=2),
    clip=Clip(norm=1.5),
    evaluation=EvaluationChoice(5, 2),
)
TABLE = Recipe(
    TableSource(
        "t.csv",
        "y",
        kind="regression",
        categorical=("a", "b"),
        drop=("c",),
        header="yes",
        test_share="1/3",
        split_seed=4,
        standardise="scalar",
        hidden=(8, 4),
        activation="relu",
    ),
    clip=Clip(value=0.5),
)
LINEAR = Recipe(TableSource("t.npz", "y", key="x", hidden=()))
CELLS = Recipe(
    TableSource(
        "t.csv",
        "y",
        more_targets=("z", "w"),
        test_data="test.csv",
        delimiter="tab",
        decimal=",",
        thousands="space",
        encoding="cp1252",
        comment="#",
        na_values=(".", "-999", "a,b"),
        impute="median",
    )
)
COMPLETE = Recipe(TableSource("t.csv", "y", drop_missing=True))


@pytest.mark.parametrize("recipe", [Recipe(TaskName("xor")), FULL, TABLE, LINEAR, CELLS, COMPLETE])
def test_a_recipe_is_restored_from_json_and_from_options(recipe):
    plain = json.loads(json.dumps(recipe.to_plain()))
    assert Recipe.from_plain(plain) == recipe
    assert Recipe.from_options(recipe.to_options()) == recipe


def test_a_recipe_resolves_to_the_task_and_its_configuration():
    task, config = FULL.resolve()
    assert task.name == "xor"
    rule = optim.sgd(0.5, 0.25, nesterov=True, weight_decay=0.125)
    assert config.optimizer == optim.clip_by_norm(rule, 1.5)
    assert config.scheduler == schedules.linear_warmup(2, schedules.step(0.5, 4, 0.5))
    assert (config.steps, config.batch_size, config.seed) == (30, 3, 7)
    _, own = Recipe(TaskName("xor")).resolve()
    assert own == task.config()


def test_the_command_line_gives_the_recipe():
    argv = ["train", "xor", "--steps", "30", "--batch-size", "3", "--seed", "7"]
    argv += ["--dtype", "bfloat16", "--optim", "sgd", "--lr", "0.5", "--momentum", "0.25"]
    argv += ["--nesterov", "--weight-decay", "0.125", "--schedule", "step", "--step-size", "4"]
    argv += ["--gamma", "0.5", "--warmup", "2", "--clip-norm", "1.5", "--eval-every", "5"]
    argv += ["--patience", "2", "--log", "l", "--plot", "p.png", "--save", "s", "--flags"]
    assert Recipe.from_arguments(vars(build_parser("train").parse_args(argv))) == FULL


def test_the_command_line_gives_the_recipe_of_a_table():
    argv = ["train", "--data", "t.csv", "--target", "y", "--target", "z", "--target", "w"]
    argv += ["--test-data", "test.csv", "--delimiter", "tab", "--decimal", ","]
    argv += ["--thousands", "space", "--encoding", "cp1252", "--comment", "#"]
    argv += ["--na-values", ".,-999", "--na-values", '"a,b"', "--impute", "median"]
    assert Recipe.from_arguments(vars(build_parser("train").parse_args(argv))) == CELLS
    argv = ["train", "--data", "t.csv", "--target", "y", "--drop-missing"]
    assert Recipe.from_arguments(vars(build_parser("train").parse_args(argv))) == COMPLETE


def test_recipes_that_were_written_before_an_option_existed_are_still_read():
    before = {"path": "t.csv", "target": "y", "key": None, "kind": None, "categorical": ["a"]}
    before |= {"drop": [], "header": None, "test_share": "1/3", "split_seed": None}
    before |= {"standardise": None, "hidden": [8], "activation": None}
    source = TableSource("t.csv", "y", categorical=("a",), test_share="1/3", hidden=(8,))
    assert Recipe.from_plain(changed(task=before)).task == source
    options = {"data": "t.csv", "target": "y", "categorical": ["a"], "test_share": "1/3"}
    assert Recipe.from_version_1(options | {"hidden": "8"}).task == source


def test_every_option_of_train_is_in_the_recipe_or_does_not_affect_the_bits():
    arguments = vars(build_parser("train").parse_args(["train", "xor"]))
    others = {"device", "backend", "fast_kernels", "json", "flags", "log", "plot", "run", "command"}
    others |= {"save", "checkpoint_every", "resume", "weights", "certificate", "version"}
    others |= {"on_nonfinite", "trust_paths", "max_size"}  # they change no step
    others |= {"workers", "scheduler", "threads"}
    assert {field.name for field in fields(TrainOptions)} == set(arguments) - others


def test_files_of_a_run_contain_exactly_the_fields_of_the_recipe(capsys, tmp_path):
    certificate, checkpoint = tmp_path / "run.json", tmp_path / "run.ckpt"
    files = ["--certificate", str(certificate), "--save", str(checkpoint)]
    others = ["--log", str(tmp_path / "log"), "--plot", str(tmp_path / "p.png"), "--json"]
    argv = ["train", "xor", "--dtype", "float32", "--steps", "1", *files, *others]
    assert main(argv) == 0
    recipe = Recipe(TaskName("xor"), steps=1, dtype="float32")
    assert json.loads(certificate.read_text())["recipe"] == recipe.to_plain()
    omitted = {"policy", "shards", "batch_statistics"}  # only in a run that has them
    names = {field.name for field in fields(Recipe)} - omitted
    assert set(recipe.to_plain()) == {"version", *names}
    for recorded in (Certificate.load(certificate).recipe, load(checkpoint).recipe):
        assert recorded == RecordedRecipe(recipe)
    assert str(tmp_path) not in certificate.read_text()
    assert str(tmp_path).encode() not in checkpoint.read_bytes()


def changed(**fields):
    return FULL.to_plain() | fields


def table(**fields):
    return changed(task={"path": "t.csv", "target": "y", **fields})


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        (changed(save="run.ckpt"), ["recipe", "unknown field 'save'"]),
        (changed(log="log.jsonl"), ["unknown field 'log'"]),
        (changed(plot="p.png"), ["unknown field 'plot'"]),
        (changed(version=VERSION + 1), [f"version {VERSION}", str(VERSION + 1)]),
        (changed(version=True), ["version", "True"]),
        (changed(steps="six"), ["recipe.steps", "int", "'six'"]),
        (changed(steps=True), ["recipe.steps", "True"]),
        (changed(steps=1.0), ["recipe.steps", "1.0"]),
        (changed(steps=-1), ["--steps", "-1"]),
        (changed(batch_size=0), ["--batch-size", "0"]),
        (changed(seed=-1), ["--seed", "-1"]),
        (changed(seed=None), ["recipe.seed", "None"]),
        (changed(dtype=32), ["recipe.dtype", "32"]),
        (changed(task="xor"), ["recipe.task", "'xor'"]),
        (changed(task={"name": "xor", "text": None, "path": "t"}), ["recipe.task", "'path'"]),
        (changed(task={"text": None}), ["recipe.task", "'name'"]),
        (changed(optimizer={"name": "sgd", "lr": "0.1"}), ["recipe.optimizer.lr", "'0.1'"]),
        (changed(optimizer={"name": "Sgd"}), ["Sgd", "sgd, adam, adamw"]),
        (changed(schedule={"name": "linear"}), ["linear", "cosine"]),
        (changed(schedule={"gamma": 0.5}), ["--gamma", "--schedule"]),
        (changed(clip={"norm": 1.0, "value": 1.0}), ["--clip-norm", "--clip-value"]),
        (changed(evaluation={"every": 0}), ["--eval-every", "0"]),
        (changed(optimizer={"lr": 10**400}), ["recipe.optimizer.lr", "float"]),
        (changed(task={"name": "char-rnn", "text": "a\0b"}), ["--text", "null character"]),
        (table(path="a\0b.csv"), ["--data", "null character"]),
        (table(hidden=[0]), ["widths", "(0,)"]),
        (table(hidden=[10**400]), ["widths", "100000000"]),
        (table(hidden=[1] * 1001), ["1000 hidden layers", "1001"]),
        (table(kind="both"), ["kind", "'both'", "regression"]),
        (table(header="maybe"), ["header", "'maybe'", "auto"]),
        (table(standardise="after"), ["'after'", "before"]),
        (table(test_share="1e30000000"), ["fraction", "1e30000000"]),
        (table(test_share="1" * 5000), ["fraction"]),
        (table(test_share="1/0"), ["fraction", "1/0"]),
        (table(test_data="a\0b.csv"), ["--test-data", "null character"]),
        (table(test_data="b.csv", test_share="0.1"), ["--test-data", "--test-share"]),
        (table(test_data="b.csv", split_seed=1), ["--test-data", "--split-seed"]),
        (table(delimiter="ab"), ["--delimiter", "'ab'"]),
        (table(decimal=",", thousands=","), ["--decimal", "--thousands"]),
        (table(encoding="zip"), ["encoding", "'zip'"]),
        (table(encoding=8), ["recipe.task.encoding", "8"]),
        (table(comment=""), ["--comment"]),
        (table(na_values="."), ["recipe.task.na_values", "'.'"]),
        (table(impute="modus"), ["--impute", "'modus'"]),
        (table(impute="mean", drop_missing=True), ["--impute", "--drop-missing"]),
        (table(drop_missing=1), ["recipe.task.drop_missing", "1"]),
        (table(more_targets=[1]), ["recipe.task.more_targets[0]", "1"]),
        ({k: v for k, v in FULL.to_plain().items() if k != "clip"}, ["'clip'", "missing"]),
        ({}, ["version"]),
    ],
)
def test_a_file_with_other_fields_types_or_values_is_refused_in_one_line(plain, words):
    with pytest.raises(NumleanError) as caught:
        Recipe.from_plain(plain)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_options_of_version_1_are_read_through_the_same_allow_list():
    options = {"task": "xor", "steps": 4, "seed": 0, "dtype": "float32", "nesterov": False}
    recipe = Recipe.from_version_1(options | {"lr": 1, "optim": "adam", "eval_every": 3})
    expected = OptimizerChoice("adam", 1.0)
    assert (recipe.optimizer, recipe.evaluation) == (expected, EvaluationChoice(3))
    table = {"data": "t.csv", "target": "y", "hidden": "8,4", "test_share": "0.1", "drop": ["a"]}
    source = TableSource("t.csv", "y", hidden=(8, 4), test_share="0.1", drop=("a",))
    assert Recipe.from_version_1(table).task == source
    with pytest.raises(NumleanError, match="widths"):
        Recipe.from_version_1(table | {"hidden": "9" * 5000})
    for name, value in (("save", "run.ckpt"), ("steps", "six"), ("seed", -1), ("hidden", "8")):
        with pytest.raises(NumleanError, match=name):
            Recipe.from_version_1(options | {name: value})


FILES = Recipe(TableSource("t.npz", "y", test_data="u.npz"))
PAIR = Recipe(TableSource("x.npy", "y.NPY"))
TEXT = Recipe(TaskName("char-rnn", "poem.txt"))


@pytest.mark.parametrize(
    ("recipe", "named"),
    [
        (FILES, {"data": "t.npz", "test_data": "u.npz"}),
        (PAIR, {"data": "x.npy", "target": "y.NPY"}),
        (TEXT, {"text": "poem.txt"}),
    ],
)
def test_a_recorded_recipe_is_used_only_if_each_file_is_named_here_or_trusted(recipe, named):
    recorded = RecordedRecipe(recipe)
    assert recorded.paths == named
    assert recorded.trust(trust_paths=True) == recorded.trust(named) == recipe
    for left in named:
        with pytest.raises(UntrustedPathError) as caught:
            recorded.trust({name: path for name, path in named.items() if name != left})
        assert repr(named[left]) in str(caught.value)
        assert f"--{left.replace('_', '-')} FILE again, or --trust-paths" in str(caught.value)
    assert not hasattr(recorded, "resolve")


def test_files_named_here_replace_those_of_a_recorded_recipe(tmp_path):
    other = {"data": tmp_path / "a.npz", "test_data": "b.npz"}
    expected = Recipe(TableSource(str(tmp_path / "a.npz"), "y", test_data="b.npz"))
    assert RecordedRecipe(FILES).trust(other) == expected
    for recipe, name in ((FILES, "text"), (TEXT, "data"), (PAIR, "test_data")):
        with pytest.raises(NumleanError, match="names no such file"):
            RecordedRecipe(recipe).trust({name: "a"}, trust_paths=True)


def test_a_target_becomes_a_file_if_the_table_named_here_is_an_array():
    recorded = RecordedRecipe(Recipe(TableSource("t.csv", "/etc/secret.npy")))
    assert recorded.paths == {"data": "t.csv"}
    with pytest.raises(UntrustedPathError, match=r"secret\.npy"):
        recorded.trust({"data": "mine.npy"})


def test_a_task_of_numlean_needs_no_trust():
    assert RecordedRecipe(FULL).trust() == FULL


def test_a_pipe_of_this_process_is_no_file_to_trust():
    reader, writer = os.pipe()
    try:
        recorded = RecordedRecipe(Recipe(TaskName("char-rnn", f"/dev/fd/{reader}")))
        with pytest.raises(UntrustedPathError, match="a pipe of this process; pass --text FILE"):
            recorded.trust(trust_paths=True)
    finally:
        os.close(reader)
        os.close(writer)
