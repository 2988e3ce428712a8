"""One file in two roles is refused before a command starts, however the two paths are written."""

import os
import re

import pytest

from numlean.cli import path_roles
from numlean.cli.main import COMMANDS, build_parser, main
from numlean.cli.path_roles import PATHS, file_identity
from numlean.verification.attacks import Program
from numlean.verification.attacks.command_lines.lines import commands_of

TABLE = "a,b\n1,2\n2,3\n3,4\n4,5\n5,6\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(TABLE)
    (tmp_path / "link.csv").symlink_to("t.csv")
    (tmp_path / "later").symlink_to("new")
    os.link("t.csv", "hard.csv")
    (tmp_path / "sub").mkdir()
    return tmp_path


TRAIN = "train --dtype mp:24 --steps 1"
DATA = f"{TRAIN} --data t.csv --target b"


@pytest.mark.parametrize(
    "line",
    [
        *(f"{DATA} --log {path}" for path in ("t.csv", "./sub/../t.csv", "link.csv", "hard.csv")),
        *(f"{DATA} --{option} t.csv" for option in ("save", "certificate")),
        f"{DATA} --test-data hard.csv --save link.csv",
        f"{TRAIN} --data a.npy --target x.npy --log ./x.npy",
        *(f"{TRAIN} xor --save s --{option} sub/../s" for option in ("log", "certificate")),
        f"{TRAIN} xor --save new --log later",
        f"{TRAIN} xor --save no/such/file --log no/../no/such/file",
        f"{TRAIN} xor --weights w --save w",
        f"{TRAIN} xor --resume w --save v --log w",
        f"{TRAIN} xor --resume w --certificate w",
        f"{TRAIN} xor --plot p.png --log p.png",
        f"{TRAIN} char-rnn --text t.csv --log t.csv",
        "compare xor --dtypes mp:24 --out x.html --jsonl x.html",
        "compare xor --dtypes mp:24 --out d --jsonl d/records.jsonl",
        "compare --data t.csv --target b --dtypes mp:24 --jsonl t.csv",
        "crosscheck --data t.csv --target b --dtypes mp:24,mp:25 --out t.csv",
        "export t.csv link.csv",
    ],
)
def test_a_file_in_two_roles_is_refused_and_stays_as_it_is(line, folder, capsys):
    before = sorted(folder.rglob("*"))
    assert main(line.split()) == 2
    message = capsys.readouterr().err
    assert "are the same file" in message
    assert message.count("\n") == 1
    assert sorted(folder.rglob("*")) == before
    assert (folder / "t.csv").read_text() == TABLE


def test_standard_output_in_a_file_has_the_role_of_an_output(folder, monkeypatch, capsys):
    with (folder / "t.csv").open() as redirected:
        monkeypatch.setattr(path_roles, "_STREAMS", {"standard output": redirected.fileno()})
        assert main(DATA.split()) == 2
    message = "--data t.csv and standard output are the same file, so --data would be overwritten"
    assert message in capsys.readouterr().err


def test_the_null_device_may_have_any_number_of_roles():
    assert file_identity(os.devnull) is None


def test_a_resumed_run_may_replace_its_checkpoint(capsys):
    assert main([*TRAIN.split(), "xor", "--save", "s"]) == 0
    assert main([*TRAIN.split(), "--resume", "s", "--save", "s"]) == 0


def test_every_option_that_names_a_file_is_in_the_list():
    for command in commands_of(Program(main, build_parser, tuple(COMMANDS))):
        placeholders = {
            action.option_strings[0] if action.option_strings else action.metavar
            for action in command.actions
            if re.search(r"FILE|DIR|CHECKPOINT|OUT", action.metavar or "")
        }
        assert placeholders == {option.name for option in PATHS.get(command.name, ())}
        names = {action.dest for action in command.actions} | {"more_targets"}
        assert all(set(option.dests) <= names for option in PATHS.get(command.name, ()))
