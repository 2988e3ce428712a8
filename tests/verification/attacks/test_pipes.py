"""Commands that wait for a pipe and get a signal."""

import signal
import sys
import time

import pytest

from numlean.cli.main import COMMANDS, build_parser, main
from numlean.cli.signals import handle_start_and_end
from numlean.verification.attacks import pipes
from numlean.verification.attacks.attack import Program, Setting

_COMMANDS = ("a full log", "data for compare")


def attack(folder, run, prepare=handle_start_and_end, count=1):
    program = Program(run, build_parser, tuple(COMMANDS), prepare)
    return list(pipes.PIPES.run(Setting(program, folder, count, 0)))


def test_the_attack_interrupts_commands_and_finds_nothing(tmp_path, monkeypatch):
    chosen = {name: pipes._COMMANDS[name] for name in _COMMANDS}
    monkeypatch.setattr(pipes, "_COMMANDS", chosen)
    outcomes = attack(tmp_path, main, count=2)
    assert [each.failure for each in outcomes] == [None, None]
    assert [each.case for each in outcomes] == [
        "SIGTERM to train, which waits for a full log",
        "SIGTERM to compare, which waits for data for compare",
    ]
    assert not list(tmp_path.iterdir())


def finish(_):
    return 0


def wait_in_silence(_):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    time.sleep(600)


def wait_with_a_traceback(_):
    print("Traceback", file=sys.stderr)
    return 143


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (finish, "exit status 0"),
        (wait_in_silence, "standard error is empty"),
        (wait_with_a_traceback, "the line 'Traceback'"),
    ],
)
def test_a_bad_end_is_found(tmp_path, run, message):
    (outcome,) = attack(tmp_path, run)
    assert message in outcome.failure


def test_a_command_that_does_not_end_is_found_and_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(pipes, "_SECONDS_TO_END", 0)

    def wait(_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)

    (outcome,) = attack(tmp_path, wait)
    assert "still running" in outcome.failure
