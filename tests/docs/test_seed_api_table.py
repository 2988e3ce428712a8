"""The table of TorchLean's names: our names exist, and so do the tests that check them."""

import argparse
import ast
import re
from functools import cache, reduce
from pathlib import Path

import pytest

import numlean
from numlean.cli.main import build_parser
from numlean.nn import Linear, Sequential

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "seed-api.md"


def rows():
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0] not in ("original", "---"):
            yield pytest.param(*cells[1:], id=cells[0])


@cache
def instances():
    """Return instances of the classes that have attributes only on instances."""
    task = numlean.Task.regression(Sequential(Linear(1, 1)))
    runner = numlean.instantiate(task, "float32")
    data = numlean.Dataset.of_arrays([[1.0]], [[1.0]])
    made = [
        task,
        runner,
        data,
        numlean.TrainConfig(1),
        numlean.LoaderTrainConfig(1),
        numlean.TrainReport(runner.mean_loss(data), runner.mean_loss(data)),
        numlean.stepper(runner, numlean.sgd(0.1)),
        numlean.DataLoader(data, 1),
        numlean.ScalarTrainer.of(task, "float32"),
        numlean.Session("float32"),
        numlean.OptimizerKind.SGD,
    ]
    return {type(one).__name__: one for one in made}


def resolved(name):
    first, *others = name.split(".")
    start = getattr(numlean, first)
    return reduce(getattr, others, instances().get(first, start))


@cache
def options_of_train():
    actions = build_parser("train")._actions
    (commands,) = [a for a in actions if isinstance(a, argparse._SubParsersAction)]
    return set(commands.choices["train"]._option_string_actions)


@cache
def functions_of(path):
    return {
        node.name
        for node in ast.parse((ROOT / path).read_text()).body
        if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize(("ours", "test"), list(rows()))
def test_every_name_in_a_row_exists_and_so_does_its_test(ours, test):
    names = re.findall(r"`([^`]+)`", ours)
    assert names
    for name in names:
        if name.startswith("--"):
            assert name in options_of_train()
        else:
            resolved(name)
    (path, function) = re.fullmatch(r"`(.+)::(.+)`", test).groups()
    assert function in functions_of(path)
