"""Options for long training runs: an early end, a log, a plot, evaluations, a bar."""

import json
import os
import pty
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from numlean.cli.interrupt import catch_interrupt
from numlean.cli.main import main
from numlean.cli.train.plot import draw
from numlean.training.loops.step_blocks import StepBlocks

PROGRAM = [sys.executable, "-m", "numlean"]
XOR = ("train", "xor", "--dtype", "float32")


def run_json(capsys, *argv):
    status = main([*argv, "--json"])
    return status, json.loads(capsys.readouterr().out)


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def wait_for(path, lines):
    deadline = time.monotonic() + 600
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_interrupt_ends_training_after_the_step_with_a_report_and_status_130(tmp_path):
    log = tmp_path / "log.jsonl"
    argv = [*PROGRAM, *XOR, "--steps", "100000000", "--json", "--log", str(log)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_for(log, 5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=600)
    assert process.returncode == 130
    report = json.loads(out)
    assert report["stopped_by"] == "interrupt"
    assert b"stopping after this step" in err
    steps = lines_of(log)[1:]
    assert report["steps"] == len(steps) == steps[-1]["step"] + 1
    assert report["last_loss"] == steps[-1]["loss"]


def test_the_bits_of_an_interrupted_run_are_those_of_a_run_of_as_many_steps(capsys, monkeypatch):
    right = StepBlocks.run

    def interrupted(self, orders, limit):
        loss = right(self, orders, min(limit, 4 - self.step_count))
        if self.step_count == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return loss

    monkeypatch.setattr(StepBlocks, "run", interrupted)
    status, report = run_json(capsys, *XOR)
    assert (status, report["steps"]) == (130, 4)
    monkeypatch.setattr(StepBlocks, "run", right)
    assert run_json(capsys, *XOR, "--steps", "4")[1]["state_digest"] == report["state_digest"]


def test_a_second_interrupt_stops_at_once_and_the_handler_is_restored(capfd):
    handler = signal.getsignal(signal.SIGINT)
    with catch_interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is handler
    assert "to stop at once, press Ctrl-C" in capfd.readouterr().err


@pytest.mark.parametrize("dtype", ["float32", "ieee32exec", "mp:24"])
def test_the_log_has_a_header_and_a_line_a_step_with_exact_losses(capsys, tmp_path, dtype):
    log = tmp_path / "log.jsonl"
    argv = ("train", "xor", "--dtype", dtype, "--steps", "3", "--log", str(log))
    _, report = run_json(capsys, *argv)
    header, *steps = lines_of(log)
    assert (header["task"], header["dtype"], header["steps"]) == ("xor", dtype, 3)
    assert [line["step"] for line in steps] == [0, 1, 2]
    assert steps[-1]["loss"] == report["last_loss"]
    assert {line["lr"] for line in steps} == {0.1}
    assert steps[0]["seconds"] <= steps[1]["seconds"] <= report["seconds"] + 1e-3
    for line in steps:
        if "loss_bits" in line:
            assert np.float32(line["loss"]).view(np.uint32) == int(line["loss_bits"], 16)
        else:
            assert float.fromhex(line["loss_hex"]) == line["loss"]


def test_a_loss_that_is_not_finite_is_null_in_the_log_but_its_bits_are_there(capsys, tmp_path):
    log = tmp_path / "log.jsonl"
    _, report = run_json(capsys, *XOR, "--lr", "1e200", "--steps", "9", "--log", str(log))
    last = lines_of(log)[-1]
    assert report["last_loss"] is last["loss"] is None
    assert np.isnan(np.uint32(int(last["loss_bits"], 16)).view(np.float32))


def test_evaluations_are_logged_and_reported_and_change_no_bit(capsys, tmp_path):
    log = tmp_path / "log.jsonl"
    argv = ("train", "iris", "--dtype", "float32", "--steps", "10")
    _, plain = run_json(capsys, *argv)
    assert "evaluations" not in plain
    _, report = run_json(capsys, *argv, "--eval-every", "4", "--log", str(log))
    assert report["state_digest"] == plain["state_digest"]
    assert [e["updates"] for e in report["evaluations"]] == [4, 8]
    steps = lines_of(log)[1:]
    assert [line["step"] for line in steps if "test_loss" in line] == [3, 7]
    assert steps[7]["test_loss"] == report["evaluations"][1]["test_loss"]
    assert steps[7]["accuracy"] == report["evaluations"][1]["accuracy"]
    _, eight = run_json(capsys, *argv[:-1], "8")
    assert eight["test_loss"] == report["evaluations"][1]["test_loss"]


def test_flags_of_evaluations_are_not_counted(capsys):
    argv = ("train", "xor", "--steps", "3", "--flags")
    _, plain = run_json(capsys, *argv)
    _, evaluated = run_json(capsys, *argv, "--eval-every", "1")
    assert evaluated["flags_by_step"] == plain["flags_by_step"]
    assert evaluated["flags"] == plain["flags"]


def test_patience_ends_a_run_whose_test_loss_gets_no_lower(capsys):
    argv = (*XOR, "--eval-every", "2", "--patience", "3")
    _, report = run_json(capsys, *argv, "--lr", "0", "--steps", "50")
    # The first evaluation is the best; three more are not better.
    assert (report["stopped_by"], report["steps"]) == ("patience", 8)
    _, report = run_json(capsys, *argv, "--steps", "20", "--lr", "0.01", "--momentum", "0")
    assert (report["stopped_by"], report["steps"]) == (None, 20)
    _, report = run_json(capsys, *argv, "--lr", "1e200", "--steps", "50")
    assert report["stopped_by"] == "patience"


def test_a_plot_is_a_file_of_its_kind_and_of_the_same_bytes_each_time(capsys, tmp_path):
    png, svg = tmp_path / "a.png", tmp_path / "b.svg"
    for path in (png, svg):
        main([*XOR, "--steps", "5", "--eval-every", "2", "--plot", str(path)])
    assert png.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    text = svg.read_text()
    assert "<svg" in text
    main([*XOR, "--steps", "5", "--eval-every", "2", "--plot", str(svg)])
    assert svg.read_text() == text


@pytest.mark.parametrize(
    ("losses", "evaluations"),
    [
        ([], []),
        ([(0, 1.0)], []),
        ([(0, float("nan"))], [(1, float("inf"))]),
        ([(k, 10.0**-k) for k in range(9)], [(2, 0.0)]),
    ],
)
def test_every_sequence_of_losses_can_be_plotted(tmp_path, losses, evaluations):
    path = tmp_path / "p.png"
    draw(str(path), "t", losses, evaluations)
    assert path.stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--plot", "losses.gif"], [".png", ".svg", "losses.gif"]),
        (["--plot", "nowhere/losses.png"], ["nowhere", "folder"]),
        (["--log", "nowhere/log.jsonl"], ["nowhere/log.jsonl", "No such"]),
        (["--patience", "3"], ["--patience 3", "--eval-every"]),
        (["--patience", "0", "--eval-every", "1"], ["--patience", "0"]),
        (["--eval-every", "-1"], ["--eval-every", "-1"]),
    ],
    ids=" ".join,
)
def test_impossible_requests_are_refused_before_training(capsys, monkeypatch, options, words):
    monkeypatch.setattr("numlean.cli.train.command.run_steps", None)
    assert main([*XOR, *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("numlean: error: ")
    assert captured.err.count("\n") == 1
    assert all(word in captured.err for word in words)


def test_a_terminal_shows_loss_rate_and_speed_during_training():
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "150", "TERM": "xterm"}
    argv = [*PROGRAM, *XOR, "--steps", "1000", "--eval-every", "200", "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
        out = process.stdout.read()
    os.close(ours)
    assert json.loads(out)["steps"] == 1000
    for word in (b"xor in float32", b"loss ", b"lr 0.1", b"steps/s", b"1000/1000", b"test "):
        assert word in shown
