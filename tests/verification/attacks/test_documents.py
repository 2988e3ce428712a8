"""Attacks on the readers of checkpoints and certificates: a few cases, and that they can fail."""

import os
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from pathlib import Path

import pytest

from numlean.certificate import file_format
from numlean.checkpoint import container
from numlean.cli.main import COMMANDS, build_parser, main
from numlean.tasks import RecordedRecipe
from numlean.verification.attacks import Program, Setting, tally
from numlean.verification.attacks.documents import CERTIFICATES, CHECKPOINTS
from numlean.verification.attacks.documents.bounded_call import MEMORY, call
from numlean.verification.attacks.documents.opened_files import identities, opened_files

PROGRAM = Program(main, build_parser, tuple(COMMANDS))


def attack(which, folder, count, seed=0):
    folder = folder / which.name
    folder.mkdir()
    return tally(which.run(Setting(PROGRAM, folder, count, seed)))


@pytest.mark.parametrize("which", [CHECKPOINTS, CERTIFICATES], ids=lambda which: which.name)
def test_hostile_documents_are_refused_or_harmless(tmp_path, which):
    found = attack(which, tmp_path, 36)
    assert (found.tried, found.failed) == (36, 0), found.first


def test_an_attack_fails_if_digests_are_not_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "_check_digest", lambda content, document: None)
    assert attack(CHECKPOINTS, tmp_path, 30).failed
    monkeypatch.setattr(file_format, "_check_file_digest", lambda content, digest: None)
    assert attack(CERTIFICATES, tmp_path, 30, seed=1).failed


def test_an_attack_fails_if_paths_are_opened_without_consent(tmp_path, monkeypatch):
    monkeypatch.setattr(RecordedRecipe, "trust", lambda self, *_, **__: self.recorded)
    found = attack(CERTIFICATES, tmp_path, 60)
    assert "recipe that names" in found.first.case
    assert found.first.failure.startswith("it opened")


def raising(error):
    def run(argv):
        raise error

    return Program(run, build_parser, ())


def printing(text, status=2):
    def run(argv):
        import sys

        print(text, file=sys.stderr)
        return status

    return Program(run, build_parser, ())


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (raising(KeyError("x")), "KeyError: 'x'"),
        (printing("Traceback (most recent call last):"), "Traceback"),
        (printing("numlean: error: out of memory"), "out of memory"),
        (printing("numlean: error: a\x1b[31m: b"), "control characters"),
        (printing("numlean: error: other: bad"), "does not name the file"),
        (printing("numlean: error: f: a\nnumlean: error: f: b"), "more than one error"),
        (printing("numlean: f: a", status=0), "status 0"),
    ],
)
def test_a_reaction_that_is_no_refusal_in_one_line_is_found(tmp_path, program, words):
    assert words in call(program, []).refusal_complaint("f")


@pytest.mark.parametrize("status", [130, 143])
def test_a_signal_ends_the_attack_and_not_only_its_command(status):
    with pytest.raises(KeyboardInterrupt):
        call(printing("numlean: interrupted", status), [])


def test_opened_files_are_recorded(tmp_path):
    path = tmp_path / "a"
    with opened_files() as files:
        path.write_text("a")
    other = tmp_path / "b"
    other.write_text("b")
    assert files & identities(str(path))
    assert not files & identities(str(other))


@pytest.mark.parametrize("spelled", ["./folder/../a", "link", "hard", "a"])
def test_a_file_is_known_however_its_name_is_spelled(tmp_path, monkeypatch, spelled):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("a").touch()
    Path("link").symlink_to("a")
    Path("hard").hardlink_to("a")

    def run(argv):
        Path(spelled).read_text()
        return 0

    reaction = call(Program(run, build_parser, ()), [])
    private = str(tmp_path / "a")
    assert reaction.opened_one([private, "nowhere", "a\0b", "/" + "a" * 5000]) == private
    assert reaction.opened_one([str(tmp_path / "b")]) is None


def test_the_null_device_is_not_taken_for_standard_input():
    with opened_files() as files:
        Path(os.devnull).read_text()
    assert identities(os.devnull) == {os.devnull}
    assert files & identities(os.devnull)


def test_a_command_that_takes_too_much_memory_is_stopped():
    def run(argv):
        try:
            mmap(-1, MEMORY + (1 << 30), flags=MAP_PRIVATE | MAP_ANONYMOUS)
        except OSError:
            raise MemoryError from None
        return 0

    reaction = call(Program(run, build_parser, ()), [])
    if reaction.status == 0:
        pytest.skip("this system does not limit the data of a process")
    assert reaction.exception.startswith("MemoryError")
