"""Runs that are killed and resumed: at every write to the disk, and at a random moment."""

import json
import os
import signal

import pytest

from numlean.cli.main import COMMANDS, build_parser, main
from numlean.verification.attacks import kills
from numlean.verification.attacks.attack import Program, Setting
from numlean.verification.checkpoints import RunFiles, run_uninterrupted
from numlean.verification.in_process import succeed
from numlean.verification.processes import forking

OPTIONS = ("xor", "--dtype", "float32", "--steps", "4")


def nothing():
    pass


def dying_at(number):
    """Return a program whose process is killed when it wants to flush a file for the n-th time."""

    def run(argv):
        left, sync = number, os.fsync

        def flush(file):
            nonlocal left
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            sync(file)

        os.fsync = flush
        return main(argv)

    return forking(nothing, run)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a run that was not killed."""
    succeed(main, ["train", *OPTIONS])
    return run_uninterrupted(OPTIONS, tmp_path_factory.mktemp("whole"), forking(nothing, main))


@pytest.fixture
def files(tmp_path):
    return RunFiles(tmp_path)


def resume(files):
    line = ["train", "--resume", str(files.checkpoint), "--json", *files.options]
    return json.loads(succeed(main, line).output)["state_digest"]


@pytest.mark.parametrize("number", [1, 3, 5, 6, 7, 8, 10, 14, 16, 17])
def test_a_run_that_is_killed_at_any_write_resumes_as_if_it_was_not(whole, files, number):
    process = dying_at(number)(["train", *OPTIONS, *files.options])
    assert process.wait() == -signal.SIGKILL
    if not files.checkpoint.exists():
        assert number <= 5  # the log, the certificate, and their folder come first
        return
    assert whole.failure_of_killed(files) is None
    assert whole.failure_of_resumed(files, resume(files)) is None


def test_what_a_run_must_not_leave_is_found(whole, files):
    succeed(main, ["train", *OPTIONS, *files.options])
    digest = whole.digest
    assert whole.failure_of_killed(files) is whole.failure_of_resumed(files, digest) is None
    assert whole.failure_of_resumed(files, "0" * 64).startswith("the digest is 000")
    kept = files.log.read_text().splitlines(keepends=True)
    files.log.write_text("".join([*kept, kept[-1]]))
    assert "the log has the steps 0 to 3, 3 to 3" in whole.failure_of_resumed(files, digest)
    files.log.write_text("".join(kept))
    (files.folder / ".run.ckpt.partial").touch()
    assert whole.failure_of_resumed(files, digest) == "files are left: .run.ckpt.partial"
    short = ["train", *OPTIONS[:-1], "3", "--certificate", str(files.certificate)]
    succeed(main, short)
    assert "the certificate differs" in whole.failure_of_resumed(files, digest)
    assert whole.failure_of_killed(files) == "the certificate has 3 steps, but the checkpoint 4"


def test_the_attack_kills_a_run_and_finds_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(kills, "_STEPS", "25")
    program = Program(main, build_parser, tuple(COMMANDS))
    (outcome,) = kills.KILLS.run(Setting(program, tmp_path, 1, 0))
    assert outcome.failure is None
    assert outcome.case.startswith("xor in float32, killed ")
