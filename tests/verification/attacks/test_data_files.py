"""Hostile files of data: a few cases of each attack, and proof that the attacks can fail."""

import pytest

from numlean.cli.main import COMMANDS, build_parser, main
from numlean.errors import DataError
from numlean.verification.attacks import Program, Setting
from numlean.verification.attacks.data_files import DATA_FILES
from numlean.verification.attacks.data_files.trial import (
    LIMIT,
    failure_of_command,
    failure_of_reading,
)

PROGRAM = Program(main, build_parser, tuple(COMMANDS))


@pytest.mark.parametrize("attack", DATA_FILES, ids=lambda attack: attack.name)
def test_files_are_refused_in_one_line_or_read(attack, tmp_path):
    outcomes = list(attack.run(Setting(PROGRAM, tmp_path, 3, 17)))
    assert len(outcomes) == 3
    assert [(each.case, each.failure) for each in outcomes if each.failure] == []


def test_equal_seeds_give_equal_cases(tmp_path):
    attack = DATA_FILES[0]
    first, second = (
        [each.case for each in attack.run(Setting(PROGRAM, tmp_path, 2, seed))] for seed in (5, 5)
    )
    assert first == second


@pytest.mark.parametrize(
    ("effect", "failure"),
    [
        (lambda: None, None),
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: bytes(21 * LIMIT), "memory"),
        (lambda: _raise("no name"), "does not name the file"),
        (lambda: _raise("t.csv: refused"), None),
    ],
)
def test_wrong_ways_to_treat_a_file_are_failures(effect, failure, tmp_path):
    found = failure_of_reading(effect, tmp_path / "t.csv")
    assert found is None if failure is None else failure in found


@pytest.mark.parametrize(
    ("status", "errors", "failure"),
    [
        (0, "", None),
        (2, "numlean: error: refused", None),
        (2, "", "not one line"),
        (2, "numlean: error: a\nmore", "not one line"),
        (2, "numlean: error: \x1b[31m", "not one printable line"),
        (2, "numlean: error: " + "x" * 2000, "characters"),
        (1, "Traceback (most recent call last)", "traceback"),
        (5, "", "exit status 5"),
    ],
)
def test_wrong_ends_of_a_command_are_failures(status, errors, failure):
    def run(argv):
        import sys

        print(errors, file=sys.stderr)
        return status

    found = failure_of_command(Program(run, build_parser, ()), ("train",))
    assert found is None if failure is None else failure in found


def _raise(message):
    raise DataError(message)
