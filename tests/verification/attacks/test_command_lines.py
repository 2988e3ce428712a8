"""Random command lines: a few of them, and programs on which the attack must find a fault."""

import sys
from pathlib import Path

import pytest

from numlean.cli.main import COMMANDS, build_parser, main
from numlean.verification.attacks import Program, Setting, tally
from numlean.verification.attacks.command_lines import COMMAND_LINES
from numlean.verification.attacks.command_lines.lines import commands_of
from numlean.verification.attacks.command_lines.running import MeasuredReaction, complaint


def attack(folder, run, count):
    program = Program(run, build_parser, tuple(COMMANDS))
    return tally(COMMAND_LINES.run(Setting(program, folder, count, seed=0)))


def test_no_command_line_gives_more_than_an_error_in_one_line(tmp_path):
    found = attack(tmp_path, main, 40)
    assert (found.tried, found.failed, found.first) == (40, 0, None)


def refuse():
    print("numlean: error: no", file=sys.stderr)
    return 2


def raise_value_error(argv):
    raise ValueError("no")


def print_nothing(argv):
    return 2


def change_an_input(argv):
    Path("t.csv").write_text("changed", encoding="utf-8")
    return refuse()


def leave_a_file(argv):
    Path("left").write_text("behind", encoding="utf-8")
    return refuse()


def leave_a_folder(argv):
    Path("left").mkdir(exist_ok=True)
    return refuse()


def act_on_the_terminal(argv):
    print("\x1b[2J")
    return 0


def leave_the_folder(argv):
    Path("../outside/kept.txt").unlink(missing_ok=True)
    return refuse()


@pytest.mark.parametrize(
    "program",
    [
        *(raise_value_error, print_nothing, change_an_input, leave_a_file, leave_a_folder),
        *(act_on_the_terminal, leave_the_folder),
    ],
)
def test_the_attack_finds_the_fault_of_a_program(program, tmp_path):
    def run(argv):
        # The files of the attack are made by the program itself.
        return main(argv) if "work" not in Path.cwd().name else program(argv)

    assert attack(tmp_path, run, 5).failed


@pytest.mark.parametrize(
    "reaction",
    [
        MeasuredReaction(7, "", ""),
        MeasuredReaction(None, "", "", "KeyError: 1"),
        MeasuredReaction(2, "", "numlean: error: a\nnumlean: error: b\n"),
        MeasuredReaction(0, "", "numlean: error: a\n"),
        MeasuredReaction(2, "", "Traceback\nnumlean: error: a\n"),
        MeasuredReaction(2, "", f"numlean: error: {'a' * 3000}\n"),
        MeasuredReaction(0, "a\x9bb", ""),
        MeasuredReaction(0, "", "", seconds=1e6),
        MeasuredReaction(0, "", "", memory=1 << 40),
    ],
)
def test_a_wrong_reaction_is_a_failure(reaction):
    assert complaint(reaction) is not None


def test_a_right_reaction_is_none():
    assert complaint(MeasuredReaction(0, "a\n", "numlean: warning: b\n", seconds=0.1)) is None
    assert complaint(MeasuredReaction(2, "", "numlean: error: b\n")) is None


def test_every_command_is_attacked_with_all_of_its_options():
    commands = commands_of(Program(main, build_parser, tuple(COMMANDS)))
    assert {command.words[0] for command in commands} == set(COMMANDS)
