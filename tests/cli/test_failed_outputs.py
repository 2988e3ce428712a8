"""A file that cannot be written costs neither the run nor its other files."""

import errno
import io
import os
import signal
import sys
from pathlib import Path

import pytest

import numlean.checkpoint as files
from numlean.certificate import Certificate
from numlean.checkpoint import CheckpointError, load
from numlean.cli.failed_outputs import FailedOutputs
from numlean.cli.interrupt import catch_interrupt
from numlean.cli.main import main
from numlean.cli.signals import stop_by_exception
from numlean.cli.text_output import text_output
from numlean.verification.attacks.failing_disk import FailingDisk

XOR = ("train", "xor", "--dtype", "mp:24", "--steps", "4")
FULL = "No space left on device"
HAS_FULL_DEVICE = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")


def errors_of(capsys):
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if not line.startswith("numlean: xor: ")]


def test_a_checkpoint_is_tried_again_when_the_next_one_is_due(capsys, tmp_path, monkeypatch):
    path, real, tried = tmp_path / "run.ckpt", files.save, []

    def full_at_first(path, stepper, *others, **options):
        tried.append(stepper.step_count)
        if len(tried) < 3:
            raise CheckpointError(f"{path}: {FULL}")
        real(path, stepper, *others, **options)

    monkeypatch.setattr(files, "save", full_at_first)
    assert main([*XOR, "--save", str(path), "--checkpoint-every", "1"]) == 2
    assert tried == [1, 2, 3, 4]
    assert errors_of(capsys) == [
        f"numlean: error: cannot write the checkpoint {path}: {FULL}; the run continues",
        f"numlean: error: the checkpoint {path} was completed late, after an error",
    ]
    assert load(path).step == 4


def test_the_last_attempt_is_at_the_end_and_the_old_file_stays(capsys, tmp_path, monkeypatch):
    path, log = tmp_path / "run.ckpt", tmp_path / "log"
    assert main([*XOR, "--save", str(path)]) == 0
    before = path.read_bytes()
    capsys.readouterr()

    def out_of_memory(*_, **__):
        raise MemoryError

    monkeypatch.setattr(files, "save", out_of_memory)
    assert main([*XOR, "--save", str(path), "--log", str(log), "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out.startswith('{"task": "xor"')
    assert captured.err == (
        f"numlean: error: cannot write the checkpoint {path}: out of memory; the run continues\n"
    )
    assert path.read_bytes() == before
    assert log.read_text().count("\n") == 5


@HAS_FULL_DEVICE
def test_a_full_log_leaves_checkpoint_certificate_and_report(capsys, tmp_path):
    checkpoint, certificate = tmp_path / "run.ckpt", tmp_path / "run.cert"
    options = ("--save", str(checkpoint), "--certificate", str(certificate))
    assert main([*XOR, "--log", "/dev/full", *options, "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out.startswith('{"task": "xor"')
    assert captured.err == (
        f"numlean: error: cannot write the log /dev/full: {FULL}; the run continues\n"
    )
    assert load(checkpoint).step == len(Certificate.load(certificate).steps) == 4


@HAS_FULL_DEVICE
def test_a_name_has_no_effect_on_the_terminal(capsys, tmp_path):
    path = tmp_path / "a\nnumlean: error: b\x1b[31m"
    path.symlink_to("/dev/full")
    assert main([*XOR, "--log", str(path)]) == 2
    (line,) = errors_of(capsys)
    assert "\x1b" not in line
    assert line.endswith(f"{FULL}; the run continues")


@HAS_FULL_DEVICE
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_files_are_written_although_standard_output_is_full(tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    names = {"--save": "c", "--certificate": "z", "--log": "l", "--plot": "p.svg"}
    train = (*XOR, *(word for pair in names.items() for word in pair), *form)
    compare = ("compare", "xor", "--dtypes", "mp:9", "--truth", "mp:20", "--steps", "2", *form)
    for argv in (train, (*compare, "--jsonl", "r.jsonl", "--out", "page.html")):
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        with Path("/dev/full").open("w", buffering=1) as full:
            monkeypatch.setattr(sys, "stdout", full)
            assert main(argv) == 2
        assert f"standard output: {FULL}" in sys.stderr.getvalue()
    assert load("c").step == len(Certificate.load("z").steps) == 4
    assert Path("l").read_text().count("\n") == 5
    assert "</svg>" in Path("p.svg").read_text()
    assert '"record": "run"' in Path("r.jsonl").read_text().splitlines()[-1]
    assert "</html>" in Path("page.html").read_text()


def test_a_growing_certificate_is_one_line_and_the_old_file_stays(capsys, tmp_path):
    checkpoint, certificate = tmp_path / "run.ckpt", tmp_path / "full" / "run.cert"
    certificate.parent.mkdir()
    certificate.write_text("old")
    argv = [*XOR, "--save", str(checkpoint), "--checkpoint-every", "1"]
    with FailingDisk(certificate, "sync").inserted():
        assert main([*argv, "--certificate", str(certificate)]) == 2
    assert errors_of(capsys) == [
        f"numlean: error: cannot write the certificate {certificate}: {FULL}; the run continues"
    ]
    assert certificate.read_text() == "old"
    assert load(checkpoint).step == 4
    with FailingDisk(certificate, "write", certificate.stat().st_size, times=1).inserted():
        assert main([*argv, "--certificate", str(certificate)]) == 2
    assert len(Certificate.load(certificate).steps) == 4


def test_a_failed_file_counts_more_than_a_difference(capsys, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, FULL)

    page = tmp_path / "page.html"
    page.write_text("old")
    monkeypatch.setattr("numlean.cli.crosscheck.write_text", full)
    argv = ["crosscheck", "xor", "--dtypes", "mp:9,mp:12", "--steps", "1", "--out", str(page)]
    assert main([*argv, "--json"]) == 2
    captured = capsys.readouterr()
    assert '"identical": false' in captured.out
    assert captured.err == f"numlean: error: cannot write the page {page}: {FULL}\n"
    assert page.read_text() == "old"


def test_records_of_a_comparison_that_ends_early_are_kept(tmp_path, monkeypatch):
    path = tmp_path / "records.jsonl"
    path.write_text("old")
    argv = ["compare", "xor", "--dtypes", "mp:9", "--truth", "mp:20", "--jsonl", str(path)]
    assert main([*argv, "--steps", "1", "--dtypes", "nothing"]) == 2
    assert path.read_text() == "old"

    def interrupted(*_, write, **__):
        write({"record": "comparison"})
        assert path.read_text() == "old"
        raise KeyboardInterrupt

    monkeypatch.setattr("numlean.cli.compare.compare", interrupted)
    assert main([*argv, "--steps", "1"]) == 130
    assert path.read_text() == '{"record": "comparison"}\n'


def test_a_lost_records_file_gives_its_room_back_at_once(capsys, tmp_path):
    path, failed = tmp_path / "full" / "records.jsonl", FailedOutputs()
    path.parent.mkdir()
    path.write_text("old")
    with (
        FailingDisk(path, "write", 5).inserted(),
        text_output("the records", path, failed) as write,
    ):
        write("line\n")
        assert len(list(path.parent.iterdir())) == 2
        write("line\n")
        assert list(path.parent.iterdir()) == [path]
        write("line\n")
    assert path.read_text() == "old"
    assert FULL in capsys.readouterr().err
    assert failed.exit_status(0) == 2


@pytest.mark.parametrize("place", ["write", "fsync"])
def test_a_second_ctrl_c_while_records_are_written_keeps_them(tmp_path, monkeypatch, place):
    path, real, calls = tmp_path / "records.jsonl", getattr(os, place), []

    def press(*arguments):
        calls.append(arguments)
        if len(calls) == (2 if place == "write" else 1):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    def compare():
        with (
            stop_by_exception(),
            catch_interrupt(),
            text_output("the records", path, FailedOutputs()) as write,
        ):
            write("first\n")
            write("second\n")

    monkeypatch.setattr(os, place, press)
    with pytest.raises(KeyboardInterrupt):
        compare()
    assert path.read_text() == "first\nsecond\n"
