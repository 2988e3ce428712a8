"""What a form asks for becomes commands, and nothing else."""

import pytest

from numlean.errors import NumleanError
from numlean.play.runs.plan import MOST_TABLE, plans
from numlean.play.workspace import Workspace


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "inside"
    root.mkdir()
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    (tmp_path / "secret.toml").write_text("x = 1\n")
    (root / "own.csv").write_text("a,b\n1,2\n")
    (root / "-x.csv").write_text("a,b\n1,2\n")
    (root / "link.csv").symlink_to(tmp_path / "secret.csv")
    return Workspace(root.resolve())


def test_each_arithmetic_and_seed_is_a_training(folder):
    fields = {"task": "xor", "in": "float32,bf16-mixed", "steps": "5", "seeds": "2", "seed": "7"}
    found = plans(fields, folder)
    assert [each.arguments for each in found] == [
        ("xor", "--steps", "5", "--seed", seed, *which)
        for which in (("--dtype", "float32"), ("--policy", "bf16-mixed"))
        for seed in ("7", "8")
    ]


def test_a_table_is_given_with_its_name_as_one_argument(folder):
    fields = {"task": "table", "data": "-x.csv", "target": "-b", "in": "float32"}
    assert plans(fields, folder)[0].arguments[:2] == ("--data=-x.csv", "--target=-b")


def test_a_comparison_and_a_crosscheck_are_one_command(folder):
    fields = {"do": "compare", "task": "xor", "in": "e4m3,policy:bf16-mixed", "truth": "float64"}
    (found,) = plans(fields, folder)
    assert found.arguments[-4:] == ("--truth", "float64", "--dtypes", "e4m3,policy:bf16-mixed")
    fields = {"do": "crosscheck", "task": "xor", "in": "float32,float64", "fault": "flip:step=1"}
    (found,) = plans(fields | {"rounding": "yes"}, folder)
    assert found.arguments[-3:] == ("--continue", "--inject=flip:step=1", "--beyond-rounding")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"do": "rm"}, "unknown command 'rm'"),
        ({"task": "<script>"}, "unknown task '<script>'"),
        ({"task": "../x"}, "unknown task '../x'"),
        ({"in": ""}, ""),
        ({"in": "float33"}, "float33"),
        ({"in": "--help"}, "--help"),
        ({"in": "../secret.toml"}, "not a file in the folder"),
        ({"in": "policy:../secret.toml"}, "not a file in the folder"),
        ({"in": "policy:../secret.toml:cpu"}, "secret"),
        ({"steps": "0"}, "steps is an integer from 1"),
        ({"steps": "1e9"}, "steps is an integer"),
        ({"steps": "9" * 12}, "steps is an integer"),
        ({"seeds": "17"}, "seeds is an integer"),
        ({"seeds": "16", "in": "float32,float64"}, "at most 16"),
        ({"task": "table"}, "choose a task"),
        ({"task": "table", "data": "../secret.csv", "target": "b"}, "not a file in the folder"),
        ({"task": "table", "data": "link.csv", "target": "b"}, "not a file in the folder"),
        ({"task": "table", "data": "/etc/passwd", "target": "b"}, "a table ends in"),
        ({"task": "table", "data": "own.csv"}, "name the target"),
        ({"do": "crosscheck", "in": "float32"}, "of two arithmetics or more"),
        ({"do": "crosscheck", "in": "float32,float64", "fault": "boom"}, "boom"),
    ],
)
def test_what_is_wrong_is_one_line(folder, fields, words):
    with pytest.raises(NumleanError) as caught:
        plans({"task": "xor", "in": "float32"} | fields, folder)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_large_table_is_refused(folder):
    with (folder.root / "large.csv").open("wb") as file:
        file.truncate(MOST_TABLE + 1)
    with pytest.raises(NumleanError, match="at most"):
        plans({"task": "table", "data": "large.csv", "target": "b", "in": "float32"}, folder)
