"""The first SIGTERM ends a command that waits for a pipe, with what it has found written."""

import fcntl
import io
import json
import os
import signal
import subprocess
import sys

import pytest

from numlean.checkpoint import load
from numlean.cli.main import main
from numlean.process import waiting

XOR = ("xor", "--dtype", "mp:9", "--steps", "9")
LINE = "numlean: interrupted\n"


@pytest.fixture
def terminate_when_waiting(monkeypatch):
    """Send SIGTERM to this process once, as soon as it waits."""
    is_ready, sleep, is_sent = waiting._is_ready, waiting.time.sleep, []

    def terminate():
        if not is_sent:
            is_sent.append(True)
            os.kill(os.getpid(), signal.SIGTERM)

    def look(descriptor, event):
        found = is_ready(descriptor, event)
        if not found:
            terminate()
        return found

    def wait(seconds):
        terminate()
        sleep(seconds)

    monkeypatch.setattr(waiting, "_is_ready", look)
    monkeypatch.setattr(waiting.time, "sleep", wait)
    yield
    assert is_sent


@pytest.fixture
def silent_pipe():
    """Return the path of a pipe that has no end and no content."""
    reading, writing = os.pipe()
    yield f"/dev/fd/{reading}"
    os.close(reading)
    os.close(writing)


def fill(writing):
    size = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, bytes(size))


@pytest.mark.usefixtures("terminate_when_waiting")
@pytest.mark.parametrize("has_reader", [False, True], ids=["no reader", "reader that sleeps"])
def test_a_log_that_nobody_reads_costs_neither_the_checkpoint_nor_the_report(
    capsys, tmp_path, has_reader
):
    log, saved = tmp_path / "log", tmp_path / "run.ckpt"
    os.mkfifo(log)
    ends = []
    if has_reader:
        ends = [os.open(log, os.O_RDONLY | os.O_NONBLOCK), os.open(log, os.O_WRONLY)]
        fill(ends[1])
    argv = ["train", *XOR, "--json", "--log", str(log), "--save", str(saved)]
    assert main(argv) == 143
    output = capsys.readouterr()
    report = json.loads(output.out)
    assert (report["stopped_by"], load(saved).step) == ("interrupt", report["steps"])
    *_, error = output.err.splitlines()
    reason = "its reader does not read" if has_reader else "the pipe has no reader"
    assert error == (
        f"numlean: error: cannot write the log {log}: {reason}, and the command was asked to end"
    )
    for each in ends:
        os.close(each)


@pytest.mark.usefixtures("terminate_when_waiting")
@pytest.mark.parametrize(
    "command",
    [
        ("train", "--json"),
        ("crosscheck", "--dtypes", "float32,float64"),
        ("compare", "--dtypes", "float32", "--truth", "float64"),
    ],
    ids=lambda command: command[0],
)
def test_data_that_never_come_end_in_one_line(capsys, silent_pipe, command):
    assert main([*command, "--data", silent_pipe, "--target", "y"]) == 143
    assert capsys.readouterr() == ("", LINE)


@pytest.mark.usefixtures("terminate_when_waiting")
@pytest.mark.parametrize(
    "argv",
    [
        ("dtypes",),
        ("compare", *XOR[:1], "--steps", "2", "--dtypes", "mp:9", "--truth", "mp:20", "--json"),
        ("train", *XOR),
    ],
    ids=lambda argv: argv[0],
)
def test_standard_output_that_nobody_reads_ends_in_one_line(monkeypatch, argv):
    reading, writing = os.pipe()
    fill(writing)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with open(writing, "w", buffering=1) as full:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr(sys, "stdout", full)
        assert main(argv) == 143
        assert LINE in sys.stderr.getvalue() or argv[0] == "train"
        assert "Traceback" not in sys.stderr.getvalue()
    os.close(reading)


def test_a_text_stream_without_a_file_is_written_to(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["tasks"]) == 0
    assert b"xor" in stream.buffer.getvalue()


def test_the_program_ends_although_both_its_streams_are_full():
    reading, writing = os.pipe()
    fill(writing)
    argv = [sys.executable, "-m", "numlean", "dtypes"]
    with subprocess.Popen(argv, stdout=writing, stderr=writing) as process:
        while not _handles(process.pid, signal.SIGTERM):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 143
    os.close(reading)
    os.close(writing)


def _handles(pid, number):
    with open(f"/proc/{pid}/status") as file:  # noqa: PTH123 - read as often as possible
        caught = next(line.split()[1] for line in file if line.startswith("SigCgt"))
    return int(caught, 16) >> (number - 1) & 1
