"""The log of a run that is killed and resumed has each step once."""

import json
import shutil
from pathlib import Path

import pytest

from numlean.cli.main import main

XOR = ("train", "xor", "--dtype", "mp:24")


@pytest.fixture
def killed(capsys, tmp_path):
    """Return a log of six steps, and a checkpoint after three, as a kill leaves them behind."""
    log, checkpoint, early = (str(tmp_path / name) for name in ("log", "run.ckpt", "early.ckpt"))
    assert main([*XOR, "--steps", "3", "--save", checkpoint, "--log", log]) == 0
    shutil.copy(checkpoint, early)
    assert resume(checkpoint, log, "--save", checkpoint) == 0
    capsys.readouterr()
    return log, early


def resume(checkpoint, log, *options):
    return main(["train", "xor", "--resume", checkpoint, "--steps", "6", "--log", log, *options])


def lines_of(log):
    with Path(log).open() as file:
        return [json.loads(line) for line in file]


def without_seconds(lines):
    return [{key: line[key] for key in line if key != "seconds"} for line in lines]


def test_steps_after_the_checkpoint_are_cut_off_and_made_again(capsys, killed):
    log, checkpoint = killed
    before = lines_of(log)
    assert resume(checkpoint, log) == 0
    assert without_seconds(lines_of(log)) == without_seconds(before)
    assert [line.get("step", "header") for line in before] == ["header", 0, 1, 2, "header", 3, 4, 5]
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("tail", ['{"step": 6, "lo', "\0" * 500, "{}"])
def test_an_unfinished_last_line_is_cut_off(killed, tail):
    log, checkpoint = killed
    before = lines_of(log)
    with Path(log).open("a") as file:
        file.write(tail)
    assert resume(checkpoint, log) == 0
    assert without_seconds(lines_of(log)) == without_seconds(before)


def test_missing_steps_are_a_warning(capsys, killed):
    log, checkpoint = killed
    with Path(log).open() as file:
        kept = file.readlines()[:2]
    with Path(log).open("w") as file:
        file.writelines(kept)
    assert resume(checkpoint, log) == 0
    assert f"numlean: warning: the log {log} lacks steps 1 to 2\n" in capsys.readouterr().err
    assert [line["step"] for line in lines_of(log) if "step" in line] == [0, 3, 4, 5]


def test_a_log_that_does_not_exist_begins_with_the_resumed_step(killed, tmp_path):
    log = str(tmp_path / "another")
    assert resume(killed[1], log) == 0
    assert [line.get("step", "header") for line in lines_of(log)] == ["header", 3, 4, 5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a diary\nof my own\n", ["line 1", "not a line of a log"]),
        ("a diary without an end", ["line 1"]),
        ('{"step": 0}\n', ["line 1"]),
        ('{"task": "iris"}\n', ["task", "iris", "xor", "name another file"]),
        ('{"task": "xor", "dtype": "mp:24", "batch_size": 4, "seed": 9}\n', ["seed", "9"]),
    ],
)
def test_a_file_that_is_not_the_log_of_the_run_is_refused_and_stays(
    capsys, killed, tmp_path, content, words
):
    path = tmp_path / "another"
    path.write_text(content)
    assert resume(killed[1], str(path)) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert all(word in errors for word in (str(path), *words))
    assert path.read_text() == content


def test_garbage_between_the_lines_is_refused_and_stays(capsys, killed):
    log, checkpoint = killed
    with Path(log).open() as file:
        lines = file.readlines()
    with Path(log).open("w") as file:
        file.writelines([*lines[:2], "garbage\n", *lines[2:]])
    assert resume(checkpoint, log) == 2
    assert "line 3 is not a line of a log" in capsys.readouterr().err
    with Path(log).open() as file:
        assert len(file.readlines()) == len(lines) + 1
