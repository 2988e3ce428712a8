"""The file of a certificate while its run goes on: it grows, and is readable wherever it ends."""

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest

import numlean as nl
from numlean.certificate import CertificateError, Journal, Recorder, unfinished
from numlean.checkpoint import CheckpointError, Run
from numlean.cli.main import main
from numlean.training import Stepper, instantiate, run_steps

OPTIONS = ("train", "xor", "--dtype", "float32", "--json", "--checkpoint-every")


class Journaled:
    """A run with a journal."""

    def __init__(self, path, steps=6):
        self.path, task = path, nl.get_task("xor")
        self.config, self.data = (
            task.config(steps=steps),
            task.train_data_for(nl.get_scalar("float32")),
        )
        self.stepper = Stepper(
            instantiate(task.task, nl.get_scalar("float32")), self.config.optimizer
        )
        self.recorder = Recorder(
            self.stepper, Run(self.config, self.data, "xor"), fast_kernels=False
        )
        self.journal = Journal(path, self.recorder, steps_asked=steps, recipe=None)

    def run(self, count, after=lambda: None):
        """Make steps, each with its line in the journal."""
        left = count

        def on_step(stepper, loss):
            nonlocal left
            self.recorder(stepper, loss)
            self.journal.write()
            after()
            left -= 1
            return left == 0

        run_steps(
            self.stepper.runner, self.config, self.data, on_step=on_step, stepper=self.stepper
        )

    @property
    def finished(self):
        return self.recorder.certificate(steps_asked=self.config.steps)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """Return an unfinished certificate of three steps, each closed."""
    run = Journaled(tmp_path_factory.mktemp("journal") / "run.json")
    run.run(3)
    return run.path.read_bytes()


def escape_digest(line):
    """Return a closing line that says the same in other characters."""
    end = line.index('"', line.index('"sha256": "') + len('"sha256": "'))
    return rf"{line[: end - 2]}\u{ord(line[end - 2]):04x}{line[end - 1 :]}"


def steps_in(content):
    return len(unfinished.loads(content).steps)


def test_a_journal_is_the_certificate_of_the_steps_so_far(tmp_path):
    run = Journaled(tmp_path / "run.json")
    found = []
    run.run(4, lambda: found.append(nl.Certificate.load(run.path) == run.finished))
    assert found == [True] * 4
    assert nl.replay(run.path, task="xor", config=run.config).identical_steps == 4


def test_a_journal_grows_by_what_is_new_and_stays_the_same_file(tmp_path):
    run = Journaled(tmp_path / "run.json")
    files = []
    run.run(6, lambda: files.append(run.path.stat()))
    assert len({file.st_ino for file in files}) == 1
    sizes = [file.st_size for file in files]
    growth = {after - before for before, after in pairwise(sizes)}
    assert len(growth) == 1
    assert run.path.read_bytes().count(b"\n") == 1 + 2 * 6


def test_whatever_part_of_it_a_kill_leaves_it_is_the_certificate_of_the_closed_steps(content):
    lines = content.splitlines(keepends=True)
    place = 0
    for number, line in enumerate(lines, 1):
        for end in (place, place + 1, place + len(line) - 1):
            if number <= 3:
                with pytest.raises(nl.NumleanError, match=r"truncated|not a numlean certificate"):
                    unfinished.loads(content[:end])
            else:
                assert steps_in(content[:end]) == (number - 2) // 2
        place += len(line)
    assert steps_in(content) == steps_in(content + b"\0" * 100) == 3


def test_a_changed_bit_is_found(content):
    for place in range(0, len(content) - 1, 7):
        changed = bytearray(content)
        changed[place] ^= 4
        with pytest.raises(nl.NumleanError):
            nl.Certificate(**vars(unfinished.loads(bytes(changed))))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [*lines[:2], *lines[3:]], "outside its steps: its SHA-256"),
        (lambda lines: [*lines[:1], *lines[3:]], "line 3: .* closes 2 steps, but 1 precede"),
        (
            lambda lines: [*lines[:1], lines[3], lines[2], lines[1], *lines[4:]],
            "closes 1|at step 0",
        ),
        (lambda lines: [lines[0], '["0x0", 5]', *lines[2:]], "steps"),
        (lambda lines: [lines[0].replace(": 1,", ": 9,", 1), *lines[1:]], "version 9"),
        (lambda lines: [lines[0].replace("{", '{"steps": [], ', 1), *lines[1:]], "certificate"),
        (lambda lines: [lines[0], "{}", *lines[1:]], "line 2"),
        (lambda lines: [lines[0], "7", *lines[1:]], "line 2"),
        (lambda lines: [*lines[:-1], escape_digest(lines[-1])], "line 7: .* not plain text"),
    ],
)
def test_changed_lines_are_refused_with_their_place(content, tmp_path, change, message):
    path = tmp_path / "run.json"
    path.write_text("\n".join([*change(content.decode().splitlines()), ""]))
    with pytest.raises(CertificateError, match=rf"run\.json: .*({message})"):
        nl.Certificate.load(path)


@pytest.mark.parametrize("change", ["removed", "replaced", "cut", "extended", "read-only"])
def test_a_file_that_somebody_changed_meanwhile_is_written_again(tmp_path, change):
    run = Journaled(tmp_path / "run.json")
    run.run(2)
    content = run.path.read_bytes()
    match change:
        case "removed":
            run.path.unlink()
        case "replaced":
            run.path.rename(tmp_path / "kept.json")
            run.path.write_bytes(content)
        case "cut":
            os.truncate(run.path, 10)
        case "extended":
            run.path.write_bytes(content + b"more\n")
        case _:
            run.path.chmod(0o400)
    run.run(1)
    assert nl.Certificate.load(run.path) == run.finished
    if change == "replaced":
        assert (tmp_path / "kept.json").read_bytes() == content


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    run = Journaled(tmp_path / "run.json")
    run.run(2)
    content, sync = run.path.read_bytes(), os.fsync

    def fail(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CheckpointError, match=r"run\.json: No space left on device"):
        run.run(1)
    assert run.path.read_bytes() == content
    monkeypatch.setattr(os, "fsync", sync)
    run.journal.write()
    assert nl.Certificate.load(run.path) == run.finished


def test_a_device_gets_only_the_finished_certificate(tmp_path):
    run = Journaled(Path("/dev/null"))
    run.run(2)
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    Journal(fifo, run.recorder, steps_asked=6, recipe=None).write()


def test_the_finished_certificate_does_not_show_how_often_it_was_written(capsys, tmp_path):
    files = []
    for every in ("1", "3", "100"):
        files.append(tmp_path / f"{every}.json")
        save = ("--save", str(tmp_path / "run.ckpt"), "--steps", "7")
        assert main([*OPTIONS, every, *save, "--certificate", str(files[-1])]) == 0
    assert len({file.read_bytes() for file in files}) == 1
    assert json.loads(files[0].read_bytes())["steps"]


def test_a_killed_run_resumes_with_its_journal(capsys, tmp_path, monkeypatch):
    whole, path, saved = (str(tmp_path / name) for name in ("whole.json", "run.json", "run.ckpt"))
    assert main([*OPTIONS[:-1], "--steps", "7", "--certificate", whole]) == 0
    options = ("--steps", "7", "--save", saved, "--certificate", path)

    def die(self):
        if self.stepper.step_count == 5:
            raise KeyboardInterrupt
        write(self)

    from numlean.cli.train.checkpoint_writer import CheckpointWriter

    write = CheckpointWriter.write
    with monkeypatch.context() as patched:
        patched.setattr(CheckpointWriter, "write", die)
        assert main([*OPTIONS, "1", *options]) == 130
    assert len(nl.Certificate.load(path).steps) == nl.checkpoint.load(saved).step + 1 == 5
    capsys.readouterr()
    resume = ("train", "--resume", saved, "--save", saved, "--checkpoint-every", "1")
    assert main([*resume, "--certificate", path]) == 0
    assert Path(path).read_bytes() == Path(whole).read_bytes()
