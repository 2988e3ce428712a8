"""Output that cannot be written is one line and status 2; a reader that is gone is no error.

Each case replaces the standard streams of this process by real ones: ``/dev/full``, whose writes
fail with ENOSPC (POSIX), and a pipe whose reader is closed, whose writes fail with EPIPE. Closing
such a stream afterwards writes what is still buffered, as the interpreter does while it shuts down.
"""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from numlean.checkpoint import atomic
from numlean.cli import verify
from numlean.cli.main import COMMANDS, main

ALL = [
    *((name, "--help") for name in COMMANDS),
    *(("verify", name, "--help") for name in verify.SUBJECTS),
    ("--help",),
    ("--version",),
    ("tasks",),
    ("dtypes",),
    ("eval", "1 + 1", "--dtype", "mp:24"),
    ("train", "xor", "--steps", "1", "--dtype", "mp:24"),
    ("train", "xor", "--steps", "1", "--dtype", "mp:24", "--json"),
    ("crosscheck", "xor", "--steps", "1", "--dtypes", "mp:24,mp:24"),
    ("crosscheck", "xor", "--steps", "1", "--dtypes", "mp:24,mp:12", "--json"),
    ("compare", "xor", "--steps", "1", "--dtypes", "mp:24", "--truth", "mp:30"),
    ("compare", "xor", "--steps", "1", "--dtypes", "mp:24", "--truth", "mp:30", "--json"),
    ("ablate", "xor", "--steps", "1", "--dtype", "mp:24", "--seeds", "1"),
]


def status_of(argv):
    try:
        return main(list(argv))
    except SystemExit as stop:
        return stop.code


def complaints(text):
    """Return what standard error says beyond the settings of a run."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("numlean: xor: "))


@pytest.fixture
def full():
    """Open a device on which every write fails."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w", encoding="utf-8") as file:
        yield file  # closed afterwards, as at the end of the program, which must raise nothing


@pytest.fixture
def broken_pipe():
    """Open a pipe whose reader is gone."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as file:
        yield file


@pytest.mark.parametrize("argv", ALL, ids=" ".join)
def test_a_full_output_is_one_line_and_status_2(monkeypatch, full, argv):
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stdout", full)
    monkeypatch.setattr(sys, "stderr", errors)
    assert status_of(argv) == 2
    text = "numlean: error: cannot write to standard output: No space left on device\n"
    assert complaints(errors.getvalue()) == text
    assert sys.stdout is full


@pytest.mark.parametrize("argv", ALL, ids=" ".join)
def test_a_broken_pipe_is_quiet(monkeypatch, broken_pipe, argv):
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stdout", broken_pipe)
    monkeypatch.setattr(sys, "stderr", errors)
    assert status_of(argv) == 128 + signal.SIGPIPE
    assert complaints(errors.getvalue()) == ""


@pytest.mark.parametrize("argv", [("tasks",), ("--help",), ("--version",)], ids=" ".join)
def test_an_output_that_was_closed_is_one_line_and_status_2(monkeypatch, argv):
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", errors)
    assert status_of(argv) == 2
    text = "numlean: error: cannot write to standard output: Bad file descriptor\n"
    assert errors.getvalue() == text


@pytest.mark.parametrize("stream", ["full", "broken_pipe", None])
@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (("tasks",), 0),
        (("train", "nosuch"), 2),
        (("train", "--nosuch"), 2),
        (("train", "xor", "--steps", "1", "--dtype", "mp:24"), 0),
    ],
)
def test_errors_that_cannot_be_written_change_no_status_and_stay_out_of_the_output(
    monkeypatch, request, stream, argv, status
):
    errors = None if stream is None else request.getfixturevalue(stream)
    output = io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    monkeypatch.setattr(sys, "stdout", output)
    assert status_of(argv) == status
    assert "numlean: error" not in output.getvalue()
    assert (output.getvalue() == "") is (status == 2)


def test_characters_that_the_output_s_encoding_lacks_are_escaped(monkeypatch, tmp_path):
    path = tmp_path / "größe.csv"
    path.write_text("x,y\n1,2\n3,4.5\n", encoding="utf-8")
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding="ascii"))
    argv = ["train", "--data", str(path), "--target", "y", "--steps", "1", "--dtype", "mp:24"]
    assert main(argv) == 0
    assert b"gr\\xf6\\xdfe.csv" in content.getvalue()


def test_the_interpreter_shuts_down_without_a_word():
    with Path("/dev/full").open("wb") as output:
        command = [sys.executable, "-m", "numlean", "tasks"]
        found = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, check=False)
    assert found.returncode == 2
    assert found.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("train", "xor", "--steps", "1", "--dtype", "mp:24", "--log", "FULL"), ["the log"]),
        (("train", "xor", "--steps", "1", "--dtype", "mp:24", "--save", "FULL"), []),
        (("train", "xor", "--steps", "1", "--dtype", "mp:24", "--certificate", "FULL"), []),
        (("train", "xor", "--steps", "1", "--dtype", "mp:24", "--plot", "LINK.svg"), ["the plot"]),
        (("train", "xor", "--steps", "1", "--dtype", "mp:24", "--plot", "LINK.png"), ["the plot"]),
        (("compare", "xor", "--steps", "1", "--dtypes", "mp:9", "--jsonl", "FULL"), []),
        (("compare", "xor", "--steps", "1", "--dtypes", "mp:9", "--out", "LINK.html"), []),
        (("verify", "elementary", "--function", "exp", "--resume", "FULL"), ["--resume"]),
        (("train", "xor", "--steps", "1", "--dtype", "mp:24", "--log", "/"), ["the log"]),
        (("train", "xor", "--steps", "1", "--dtype", "mp:24", "--log", "/nosuch/log"), ["the log"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_file_that_cannot_be_written_is_one_line_with_its_name(capsys, tmp_path, argv, words):
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    names = {"FULL": str(full)}
    for suffix in (".svg", ".png", ".html"):
        link = tmp_path / f"link{suffix}"
        link.symlink_to("/dev/full")
        names["LINK" + suffix] = str(link)
    argv = [names.get(word, word) for word in argv]
    assert status_of(argv) == 2
    errors = complaints(capsys.readouterr().err)
    assert errors.count("\n") == 1
    assert errors.startswith("numlean: error: ")
    assert all(word in errors for word in (argv[-1], *words)), errors
    assert Path("/dev/full").is_char_device()


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    atomic.write("/dev/null", b"content")
    assert Path("/dev/null").is_char_device()
    reading, writing = os.pipe()
    try:
        atomic.write(f"/dev/fd/{writing}", b"content")
        assert os.read(reading, 99) == b"content"
    finally:
        os.close(reading)
        os.close(writing)
