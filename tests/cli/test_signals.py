"""Ctrl-C, SIGTERM and SIGHUP: what was done is written and reported, and the status says which."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

import numlean as nl
from numlean.analysis.lockstep.blocks import CommonBlocks
from numlean.checkpoint import load
from numlean.cli.interrupt import catch_interrupt, uninterrupted
from numlean.cli.main import main
from numlean.cli.signals import STOP_SIGNALS, Stopped, stop_by_exception
from numlean.training import Stepper
from numlean.training.loops.step_blocks import StepBlocks

XOR = ("xor", "--dtype", "float32", "--steps", "9", "--json")
STATUS = {number: 128 + number for number in STOP_SIGNALS}


def stopped_in_step(monkeypatch, number, step, times=1):
    """Send a signal in a step of the first run that makes it."""
    right, block, is_sent = Stepper.step, StepBlocks.run, False

    def interrupted(self, sample):
        nonlocal is_sent
        loss = right(self, sample)
        if self.step_count == step and not is_sent:
            is_sent = True
            for _ in range(times):
                os.kill(os.getpid(), number)
        return loss

    monkeypatch.setattr(Stepper, "step", interrupted)
    monkeypatch.setattr(StepBlocks, "run", lambda self, orders, limit: block(self, orders, 1))
    monkeypatch.setattr(CommonBlocks, "run", lambda self, orders, limit: None)


@pytest.fixture
def handlers():
    """Assert that a test leaves the handlers as they were."""
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    yield
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(("number", "status"), STATUS.items())
def test_train_ends_after_the_step_writes_and_reports(
    capsys, tmp_path, monkeypatch, number, status
):
    saved, certificate = tmp_path / "run.ckpt", tmp_path / "run.json"
    files = ("--save", str(saved), "--certificate", str(certificate))
    stopped_in_step(monkeypatch, number, 4)
    assert main(["train", *XOR, *files]) == status
    output = capsys.readouterr()
    report = json.loads(output.out)
    assert (report["steps"], report["stopped_by"]) == (4, "interrupt")
    assert (load(saved).step, len(nl.Certificate.load(certificate).steps)) == (4, 4)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_a_supervisor_sends_twice_is_one_request(
    capsys, tmp_path, monkeypatch, number
):
    saved = tmp_path / "run.ckpt"
    stopped_in_step(monkeypatch, number, 4, times=2)
    assert main(["train", *XOR, "--save", str(saved)]) == STATUS[number]
    assert json.loads(capsys.readouterr().out)["steps"] == load(saved).step == 4


@pytest.mark.usefixtures("handlers")
def test_a_second_ctrl_c_leaves_the_files_as_they_were(capsys, tmp_path, monkeypatch):
    saved, certificate = tmp_path / "run.ckpt", tmp_path / "run.json"
    files = ("--save", str(saved), "--certificate", str(certificate), "--checkpoint-every", "3")
    stopped_in_step(monkeypatch, signal.SIGINT, 5, times=2)
    assert main(["train", *XOR, *files]) == 130
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines()[-1] == "numlean: interrupted"
    assert (load(saved).step, len(nl.Certificate.load(certificate).steps)) == (3, 3)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("every", [(), ("--checkpoint-every", "1")])
def test_a_second_ctrl_c_while_files_are_written_waits_for_both(
    capsys, tmp_path, monkeypatch, every
):
    saved, certificate = tmp_path / "run.ckpt", tmp_path / "run.json"
    files = ("--save", str(saved), "--certificate", str(certificate), *every)
    sync, count = os.fsync, 0

    def press(file):
        nonlocal count
        count += 1
        for _ in range(2):  # the request, and the Ctrl-C that stops at once
            os.kill(os.getpid(), signal.SIGINT)
        sync(file)

    monkeypatch.setattr(os, "fsync", press)
    assert main(["train", *XOR, *files]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "numlean: interrupted"
    made = 1 if every else 9
    assert (load(saved).step, len(nl.Certificate.load(certificate).steps)) == (made, made)
    assert count >= 2


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(("number", "status"), STATUS.items())
def test_crosscheck_reports_what_it_found_so_far(capsys, tmp_path, monkeypatch, number, status):
    page = tmp_path / "page.html"
    stopped_in_step(monkeypatch, number, 4)
    runs = ("crosscheck", "xor", "--steps", "9", "--a", "float32", "--b", "ieee32exec")
    assert main([*runs, "--json"]) == status
    found = json.loads(capsys.readouterr().out)
    assert (found["steps"], found["stopped_by"], found["identical"]) == (4, "interrupt", True)
    stopped_in_step(monkeypatch, number, 4)
    assert main([*runs, "--out", str(page)]) == status
    out = capsys.readouterr().out
    assert "xor, 4 steps of 9 (interrupted)\n" in out
    assert "identical encodings of all numbers at all 4 steps" in out
    assert "4 steps, stopped before the last step" in page.read_text()


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(("number", "status"), STATUS.items())
def test_compare_writes_and_prints_what_it_measured_so_far(
    capsys, tmp_path, monkeypatch, number, status
):
    lines, page = tmp_path / "lines.jsonl", tmp_path / "page.html"
    stopped_in_step(monkeypatch, number, 4)
    argv = ["compare", "xor", "--dtypes", "float32", "--truth", "float64", "--seeds", "3"]
    argv += ["--steps", "9", "--every", "2", "--jsonl", str(lines)]
    argv += ["--out", str(page)] if number == signal.SIGTERM else []  # drawing takes a second
    assert main([*argv, "--no-operations"]) == status
    out = capsys.readouterr().out
    assert out.startswith("xor, 4 steps of 9 of seed 0 (interrupted), against float64\n")
    assert out.count("After 3 steps, ") == 1
    assert "stopped after 4 of 9 steps of seed 0, 0 of 3 seeds before\n" in out
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    assert {each["step"] for each in records if each["record"] == "step"} == {0, 2}
    runs = [(each["seed"], each["steps"]) for each in records if each["record"] == "run"]
    assert runs == [(0, 4)] * 2
    assert number != signal.SIGTERM or "stopped after 4 of 9 steps" in page.read_text()


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(("number", "status"), STATUS.items())
def test_replay_reports_the_steps_so_far_and_does_not_call_them_a_proof(
    capsys, tmp_path, monkeypatch, number, status
):
    path = str(tmp_path / "run.json")
    nl.certify("xor", "float32", config=nl.get_task("xor").config(steps=9)).save(path)
    stopped_in_step(monkeypatch, number, 4)
    assert main(["replay", path, path, "--json"]) == status
    (found,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (found["identical_steps"], found["steps"], found["identical"]) == (4, 9, False)
    assert (found["stopped_by"], found["difference"]) == ("interrupt", None)
    stopped_in_step(monkeypatch, number, 4)
    assert main(["replay", path]) == status
    assert "identical for 4 of 9 steps, stopped there" in capsys.readouterr().out


def test_the_functions_end_where_on_step_says(monkeypatch):
    config = nl.get_task("xor").config(steps=5)
    certificate = nl.certify("xor", "float32", config=config, on_step=lambda step: step == 3)
    assert (len(certificate.steps), certificate.stopped_by) == (3, "interrupt")
    result = nl.replay(certificate, on_step=lambda step: step == 2)
    assert (result.identical_steps, result.is_partial, result.identical) == (2, True, False)
    assert nl.replay(certificate, on_step=lambda step: step == 3).identical
    fault = nl.RunSpec.parse("float32").with_fault(nl.Fault.parse("flip:operation=mul,step=1"))
    result = nl.replay(certificate, fault, on_step=lambda step: step == 2)
    assert result.difference.step == 1
    assert result.divergence.divergence.operation == "mul"
    assert nl.crosscheck(
        "xor", "float32", "ieee32exec", config=config, on_step=lambda step: step == 5
    ) == nl.crosscheck("xor", "float32", "ieee32exec", config=config)
    for at, expected in ((2, (0, 2)), (7, (1, 2)), (10, None)):
        made = []
        result = nl.compare(
            *("xor", "float32"),
            truth="float64",
            seeds=2,
            config=config,
            operations=False,
            on_step=lambda made=made, at=at: made.append(0) or len(made) == at,
        )
        assert (result.stopped_at, len(made)) == (expected, at)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(("number", "status"), STATUS.items())
def test_any_other_command_ends_in_one_line(capsys, monkeypatch, number, status):
    monkeypatch.setattr(
        "numlean.cli.eval.evaluate", lambda *_, **__: os.kill(os.getpid(), number), raising=True
    )
    assert main(["eval", "1+1"]) == status
    assert capsys.readouterr() == ("", "numlean: interrupted\n")


def press_and_fail_to_import():
    """Do as an import that turns every exception into its own."""
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        raise ImportError("the initialisation of a library failed") from None


def press_and_lose():
    with suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("press", [press_and_fail_to_import, press_and_lose])
def test_an_interrupt_that_turns_into_another_error_or_is_lost_still_ends_the_command(press):
    with pytest.raises(Stopped) as raised, stop_by_exception():
        press()
    assert raised.value.number == signal.SIGTERM


@pytest.mark.usefixtures("handlers")
def test_signals_wait_for_what_belongs_together():
    done = []

    def press_and_go_on():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append(interrupt.requested)

    with catch_interrupt() as interrupt:
        press_and_go_on()
        assert (done, interrupt.requested, interrupt.exit_status) == ([False], True, 130)
        with pytest.raises(KeyboardInterrupt):
            press_and_go_on()
    assert done == [False, True]


@pytest.mark.usefixtures("handlers")
def test_a_signal_that_the_caller_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with catch_interrupt() as interrupt:
            signal.raise_signal(signal.SIGHUP)
        assert not interrupt.requested
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("handlers")
def test_a_command_in_another_thread_leaves_signals_alone():
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(main(["dtypes"])))
    with catch_interrupt() as interrupt:
        thread.start()
        thread.join()
        signal.raise_signal(signal.SIGTERM)
    assert (statuses, interrupt.requested) == ([0], True)


PRESS = """
import os, signal, sys
import numlean.__main__ as program
name, number, how, *argv = sys.argv[1:]

class Press:
    def find_spec(self, found, path, target=None):
        if found == name:
            sys.meta_path.remove(self)
            if how == "callback":
                class Dying:
                    def __del__(self):
                        os.kill(os.getpid(), int(number))
                Dying()
            else:
                os.kill(os.getpid(), int(number))

sys.meta_path.insert(0, Press())
sys.argv = ["numlean", *argv]
sys.exit(program.main())
"""


@pytest.mark.parametrize(
    ("module", "number", "how"),
    [
        ("argparse", signal.SIGINT, "import"),
        ("argparse", signal.SIGTERM, "callback"),
        ("numpy", signal.SIGHUP, "callback"),
    ],
)
def test_a_signal_during_an_import_is_one_line(module, number, how):
    argv = [sys.executable, "-c", PRESS, module, str(int(number)), how, "train", "xor"]
    result = subprocess.run(argv, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (128 + number, "")
    assert result.stderr == "numlean: interrupted\n"


AT_THE_END = """
import os, signal, sys
import numlean.__main__ as program
import numlean.cli.main as command

command.main = lambda: int(sys.argv[1])
status = program.main()
if sys.argv[2] == "later":
    import atexit
    atexit.register(os.kill, os.getpid(), signal.SIGTERM)
else:
    os.kill(os.getpid(), signal.SIGTERM)
sys.exit(status)
"""


@pytest.mark.parametrize("when", ["now", "later"])
@pytest.mark.parametrize(
    ("status", "expected", "line"), [(0, 143, "numlean: interrupted\n"), (130, 130, "")]
)
def test_a_signal_during_shutdown_is_one_line_and_changes_no_status_of_a_signal(
    when, status, expected, line
):
    argv = [sys.executable, "-c", AT_THE_END, str(status), when]
    result = subprocess.run(argv, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (expected, line)
