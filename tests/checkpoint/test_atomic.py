"""A checkpoint is replaced as a whole or not at all, also when the disk or the process fails."""

import os
import signal
import time

import pytest

from numlean import state_digest
from numlean.checkpoint import CheckpointError, atomic, load, save
from numlean.files.partials import remove_stale_partials


def failing_at(monkeypatch, function, call):
    """Let the n-th call of a function of os fail."""
    real, calls = getattr(os, function), []

    def fail(*arguments, **options):
        calls.append(arguments)
        if len(calls) == call:
            raise OSError(28, "No space left on device")
        return real(*arguments, **options)

    monkeypatch.setattr(os, function, fail)


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failure_before_the_end_leaves_the_old_file_and_no_other(
    monkeypatch, case, path, function
):
    run = case("float32")
    stepper = run.saved_after(3, path)
    before = path.read_bytes()
    with monkeypatch.context() as patched:
        failing_at(patched, function, 1)
        with pytest.raises(CheckpointError, match=f"{path}: No space left on device"):
            save(path, stepper, run.run)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_of_the_folder_s_own_fsync_leaves_a_complete_file(monkeypatch, case, path):
    run = case("float32")
    stepper = run.saved_after(3, path)
    with monkeypatch.context() as patched:
        failing_at(patched, "fsync", 2)
        with pytest.raises(CheckpointError, match="No space left"):
            save(path, stepper, run.run)
    assert load(path).step in (3, run.config.steps)
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupt_while_writing_leaves_the_old_file_and_no_other(monkeypatch, path):
    atomic.write(path, b"old")

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_folder_is_a_numlean_error(tmp_path):
    path = tmp_path / "no" / "run.ckpt"
    with pytest.raises(CheckpointError, match=f"{path}: No such file or directory"):
        atomic.write(path, b"new")


def test_a_link_stays_a_link(tmp_path):
    link, target = tmp_path / "latest", tmp_path / "run.ckpt"
    target.write_bytes(b"old")
    link.symlink_to(target)
    atomic.write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_files_of_a_dead_process_are_removed_and_those_of_a_living_one_are_kept(tmp_path):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    dead, living = (tmp_path / f".run[1].{n}.partial" for n in (pid, os.getpid()))
    others = [tmp_path / name for name in ("run[1]", ".run1.1.partial", ".run[1].x.partial")]
    for file in (dead, living, *others):
        file.touch()
    remove_stale_partials(tmp_path / "run[1]")
    assert sorted(tmp_path.iterdir()) == sorted([living, *others])


def train_until_killed(run, path, seconds):
    """Train in a process of its own, with a checkpoint every step; kill -9 it."""
    pid = os.fork()
    if pid == 0:
        try:
            stepper = run.resumed(path) if path.exists() else run.fresh()
            run.finish(stepper, on_step=lambda stepper, _: save(path, stepper, run.run))
        finally:
            os._exit(0)
    while not path.exists() and os.waitpid(pid, os.WNOHANG) == (0, 0):
        time.sleep(1e-3)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_run_killed_thrice_and_resumed_ends_with_the_same_digest(case, path):
    run = case("float32")
    whole = run.finish(run.fresh())
    for seconds in (0.0, 0.004, 0.009):
        train_until_killed(run, path, seconds)
        assert 1 <= load(path).step <= run.config.steps
    resumed = run.finish(run.resumed(path))
    assert state_digest(resumed.runner.named_parameters) == state_digest(
        whole.runner.named_parameters
    )
