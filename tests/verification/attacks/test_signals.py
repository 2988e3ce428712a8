"""Commands that get signals at random moments."""

import os
import signal
import sys
import time

import pytest

from numlean.cli.main import COMMANDS, build_parser, main
from numlean.cli.signals import handle_start_and_end
from numlean.errors import NumleanError
from numlean.verification import processes
from numlean.verification.attacks import signals
from numlean.verification.attacks.attack import Program, Setting
from numlean.verification.checkpoints import RunFiles
from numlean.verification.processes import Process, forking, spawn


def nothing():
    pass


def test_the_attack_interrupts_a_run_and_finds_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(signals, "_STEPS", "25")
    monkeypatch.setattr(signals, "_COMMANDS", {"train": ("train", *signals._XOR, "25")})
    program = Program(main, build_parser, tuple(COMMANDS), handle_start_and_end)
    (outcome,) = signals.SIGNALS.run(Setting(program, tmp_path, 1, 0))
    assert outcome.failure is None
    assert outcome.case.startswith("SIGTERM after ")


def die(_):
    raise ValueError("of no use")


def stop_in_silence(_):
    return 143


def report_nothing(_):
    print("numlean: stopping after this step; ...", file=sys.stderr)
    return 143


def report_no_step(_):
    print('{"steps": 0}')
    return report_nothing(_)


@pytest.mark.parametrize(
    ("main", "message"),
    [
        (die, "exit status 1"),
        (stop_in_silence, "standard error is empty"),
        (report_nothing, "it reports nothing"),
        (report_no_step, "it reports no step"),
    ],
)
def test_a_bad_end_is_found(tmp_path, main, message):
    process = forking(nothing, main)([])
    process.wait()
    found = signals._failure("train", (signal.SIGTERM,), process, RunFiles(tmp_path))
    assert message in found


def test_a_process_that_does_not_end_is_found_and_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(signals, "_SECONDS_TO_END", 0)

    def sleep(_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)

    process = forking(nothing, sleep)([])
    found = signals._failure("eval", (signal.SIGTERM,), process, RunFiles(tmp_path))
    assert "still running" in found
    assert process.status == -signal.SIGKILL


@pytest.fixture
def nohup():
    """Ignore SIGHUP and SIGINT in this process, as nohup and shells do for background processes."""
    ignored = (signal.SIGHUP, signal.SIGINT)
    before = [signal.signal(number, signal.SIG_IGN) for number in ignored]
    yield
    for number, handler in zip(ignored, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("nohup")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("start", [spawn, forking(handle_start_and_end, main)])
def test_a_process_does_not_ignore_the_signals_that_the_attack_ignores(start, number):
    with signals._started(("eval", "exp(1)", "--dtype", "mp:100000"), start) as process:
        process.send(number)
        assert process.wait() == 128 + number


def test_a_command_that_always_ends_before_the_signal_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(signals, "_STEPS", "3")
    monkeypatch.setattr(signals, "_COMMANDS", {"dtypes": ("dtypes",)})
    monkeypatch.setattr(signals, "_interrupted", lambda *_: None)
    program = Program(main, build_parser, tuple(COMMANDS), handle_start_and_end)
    (outcome,) = signals.SIGNALS.run(Setting(program, tmp_path, 1, 0))
    assert outcome.failure == "it ended before the signal, 30 times"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python warns of forks with threads
def test_a_process_that_ended_and_that_nobody_waited_for_is_not_left(tmp_path):
    child = os.fork()
    if child == 0:
        os.setsid()
        os._exit(0)
    try:
        while os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT) is None:
            pass
        with tmp_path.joinpath("out").open("w") as out, tmp_path.joinpath("err").open("w") as err:
            assert Process(child, lambda: 0, out, err).is_alone
    finally:
        os.waitpid(child, 0)


def test_without_proc_the_attack_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(processes.Path, "is_file", lambda _: False)
    program = Program(main, build_parser, tuple(COMMANDS), handle_start_and_end)
    with pytest.raises(NumleanError, match="there is none"):
        next(signals.SIGNALS.run(Setting(program, tmp_path, 1, 0)))
