"""Every way to make an optimizer has its own defaults, in one table, and no run hides them."""

import inspect
import json

import pytest

import numlean as nl
from numlean import optim
from numlean.cli.main import build_parser, main
from numlean.optim import OPTIMIZERS, OptimizerKind, schedules
from numlean.tasks import Recipe
from numlean.tasks.optimization import OptimizerChoice, ScheduleChoice
from numlean.tasks.sources import TaskName

# Fast to train; nothing is compiled.
XOR = ("xor", "--dtype", "float32", "--device", "python", "--steps", "1")

FUNCTION = {
    "sgd": {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0},
    "adam": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    "adamw": {"weight_decay": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
}
"""The defaults that seed-api.md states for the functions."""
KIND = {
    "sgd": FUNCTION["sgd"],
    "adam": {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8},
    "adamw": {"weight_decay": 0.1, "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8},
}
"""The defaults that seed-api.md states for toOptimizer."""


def config(*options, task="xor"):
    arguments = build_parser("train").parse_args(["train", task, *options])
    return Recipe.from_arguments(vars(arguments)).resolve()[1]


def values(optimizer, names):
    return {name: getattr(optimizer, name) for name in names}


@pytest.mark.parametrize("name", FUNCTION)
def test_both_defaults_of_an_optimizer_are_those_of_the_original_and_come_from_one_table(name):
    function, kind = getattr(nl, name), OptimizerKind.parse(name)
    assert OPTIMIZERS[name].defaults("function") == FUNCTION[name]
    assert OPTIMIZERS[name].defaults("kind") == KIND[name]
    assert values(function(0.1), FUNCTION[name]) == FUNCTION[name]
    assert values(kind.to_optimizer(0.1), KIND[name]) == KIND[name]
    parameters = inspect.signature(function).parameters
    assert {k: parameters[k].default for k in FUNCTION[name]} == FUNCTION[name]


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_command_line_sets_every_hyperparameter(name):
    given = config("--optim", name, "--beta1", "0.8", "--beta2", "0.99", "--eps", "1e-4").optimizer
    assert (given.beta1, given.beta2, given.epsilon) == (0.8, 0.99, 1e-4)
    default = config("--optim", name).optimizer
    assert (default.beta1, default.beta2, default.epsilon) == (0.9, 0.95, 1e-8)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--beta1", "0.5"], ["--beta1", "adam and adamw", "sgd"]),
        (["--optim", "sgd", "--beta2", "0.5"], ["--beta2", "adam and adamw", "sgd"]),
        (["--optim", "sgd", "--eps", "0.5"], ["--eps", "adam and adamw", "sgd"]),
        (["--optim", "adam", "--beta2", "1"], ["beta2", "below 1", "1.0"]),
        (["--optim", "adam", "--eps", "-1"], ["epsilon", "-1.0"]),
        (["--schedule-length", "5"], ["--schedule-length", "step or cosine"]),
        (["--schedule", "cosine", "--schedule-length", "0"], ["--schedule-length", "0"]),
        (["--schedule", "cosine", "--schedule-length", "3", "--warmup", "4"], ["4", "3"]),
        (["--schedule", "step", "--schedule-length", "9", "--step-size", "3"], ["--step-size"]),
    ],
    ids=" ".join,
)
def test_a_hyperparameter_that_an_optimizer_or_schedule_lacks_is_refused_in_one_line(
    capsys, options, words
):
    assert main(["train", "xor", "--steps", "50", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert all(word in captured.err for word in words), captured.err


def test_a_schedule_can_be_made_for_more_steps_than_the_run():
    cosine = config("--steps", "10", "--schedule", "cosine", "--schedule-length", "100").scheduler
    assert cosine == schedules.cosine(0.1, 100)
    stairs = config("--steps", "10", "--schedule", "step", "--schedule-length", "90").scheduler
    assert stairs == schedules.step(0.1, 30, 0.1)
    warm = config(
        *("--steps", "9", "--schedule", "cosine", "--schedule-length", "50", "--warmup", "5")
    ).scheduler
    assert warm == schedules.linear_warmup(5, schedules.cosine(0.1, 45))


SHOWN = ("Adam", "lr 0.01", "beta1 0.9", "beta2 0.95", "epsilon 1e-08", "clip_norm 2.0")
SETTINGS = {
    "optimizer": "Adam",
    "lr": 0.01,
    "beta1": 0.9,
    "beta2": 0.95,
    "epsilon": 1e-8,
    "clip_norm": 2.0,
    "schedule": None,
    "steps": 1,
    "batch_size": 4,
    "seed": 0,
}


@pytest.mark.parametrize(
    "command",
    [
        ("train", *XOR),
        ("crosscheck", "xor", "--a", "float32:python", "--b", "mp:24", "--steps", "1"),
        ("compare", "xor", "--dtypes", "mp:24", "--truth", "mp:53", "--steps", "1"),
        ("ablate", "xor", "--dtype", "mp:24", "--seeds", "1", "--steps", "1"),
    ],
    ids=lambda command: command[0],
)
def test_a_run_prints_every_hyperparameter_before_the_first_step_and_in_its_report(capsys, command):
    main([*command, "--optim", "adam", "--clip-norm", "2"])
    captured = capsys.readouterr()
    first = captured.err.splitlines()[0]
    assert first.startswith("numlean: xor: ")
    for text in (*SHOWN, "schedule constant", "steps 1", "batch_size 4", "seed 0"):
        assert text in first
        assert text in captured.out


@pytest.mark.parametrize(
    "command",
    [
        ("train", *XOR),
        ("crosscheck", "xor", "--a", "float32:python", "--b", "mp:24", "--steps", "1"),
    ],
    ids=lambda command: command[0],
)
def test_json_contains_every_hyperparameter_and_nothing_is_printed_next_to_it(capsys, command):
    main([*command, "--optim", "adam", "--clip-norm", "2", "--json"])
    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out)["hyperparameters"] == SETTINGS


def test_hyperparameters_of_nested_clipping_and_of_an_optimizer_of_one_s_own_are_listed():
    class Own:
        lr = 0.25

        def initial(self, parameters, cast):
            return {}

        def update(self, parameters, gradients, state, *, rate, cast):
            return list(parameters), state

    nested = optim.clip_by_norm(optim.clip_by_value(optim.adamw(0.5), 3.0), 2.0)
    found = optim.hyperparameters_of(nested, schedules.constant(0.5))
    assert found == {
        "optimizer": "AdamW",
        "lr": 0.5,
        "weight_decay": 0.01,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "clip_norm": 2.0,
        "clip_value": 3.0,
        "schedule": "Constant(lr=0.5)",
    }
    assert optim.hyperparameters_of(Own()) == {"optimizer": "Own", "lr": 0.25, "schedule": None}


def test_files_keep_the_hyperparameters_and_files_without_them_are_read():
    choice = OptimizerChoice("adam", beta1=0.5, beta2=0.75, epsilon=1e-3)
    schedule = ScheduleChoice("cosine", length=500)
    recipe = Recipe(TaskName("xor"), optimizer=choice, schedule=schedule)
    plain = json.loads(json.dumps(recipe.to_plain()))
    assert Recipe.from_plain(plain) == recipe
    assert Recipe.from_options(recipe.to_options()) == recipe
    for name in ("beta1", "beta2", "epsilon"):
        del plain["optimizer"][name]
    del plain["schedule"]["length"]
    earlier = Recipe.from_plain(plain)
    assert earlier == Recipe(
        TaskName("xor"), optimizer=OptimizerChoice("adam"), schedule=ScheduleChoice("cosine")
    )
    version_1 = {"task": "xor", "optim": "adam", "nesterov": False}
    expected = OptimizerKind.Adam.to_optimizer(0.01)
    assert Recipe.from_version_1(version_1).resolve()[1].optimizer == expected
