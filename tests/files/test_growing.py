"""A growing file contains whole pieces at any time, and what could not be written comes later."""

import errno
import os
import shutil

import pytest

from numlean.files.growing import MOST_PENDING, GrowingFile

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def room(monkeypatch):
    """Let files have at most the sizes that a test sets; None for any."""
    allowed, real = {"size": None}, os.write

    def write(descriptor, content):
        if allowed["size"] is not None:
            left = allowed["size"] - os.fstat(descriptor).st_size
            if left <= 0:
                raise FULL
            content = content[:left]
        return real(descriptor, content)

    monkeypatch.setattr(os, "write", write)
    return allowed


def test_the_first_piece_replaces_an_older_file_and_pieces_are_seen_at_once(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"old")
    file = GrowingFile(path)
    assert path.read_bytes() == b"old"
    file.write(b"a\n")
    assert path.read_bytes() == b"a\n"
    file.write(b"b\n")
    assert path.read_bytes() == b"a\nb\n"
    file.close()


def test_an_older_file_stays_if_the_first_piece_cannot_be_written(tmp_path, room):
    path = tmp_path / "log"
    path.write_bytes(b"old")
    room["size"] = 1
    file = GrowingFile(path)
    with pytest.raises(OSError):
        file.write(b"a\n")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    room["size"] = None
    file.write(b"b\n")
    assert path.read_bytes() == b"a\nb\n"


def test_half_a_piece_is_taken_back_and_written_when_there_is_room(tmp_path, room):
    path = tmp_path / "log"
    file = GrowingFile(path)
    file.write(b"first\n")
    room["size"] = 9
    for piece in (b"second\n", b"third\n"):
        with pytest.raises(OSError, match="No space"):
            file.write(piece)
        assert path.read_bytes() == b"first\n"
    room["size"] = None
    file.close()
    assert path.read_bytes() == b"first\nsecond\nthird\n"


def test_pieces_beyond_the_limit_are_left_out_for_good(tmp_path, room):
    path, piece = tmp_path / "log", b"x" * (MOST_PENDING // 2 + 1)
    file = GrowingFile(path)
    file.write(b"first\n")
    room["size"] = 6
    for _ in range(3):
        with pytest.raises(OSError, match="No space"):
            file.write(piece)
    room["size"] = None
    for _ in range(2):
        with pytest.raises(OSError, match="left out"):
            file.write(b"last")
    with pytest.raises(OSError, match="left out"):
        file.close()
    assert path.read_bytes() == b"first\n" + piece


def test_an_interrupt_during_a_write_takes_the_piece_back(tmp_path, monkeypatch):
    path, real = tmp_path / "log", os.write
    file = GrowingFile(path)
    file.write(b"first\n")

    def interrupted(descriptor, content):
        real(descriptor, content[:3])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            file.write(b"second\n")
    assert path.read_bytes() == b"first\n"
    file.write(b"third\n")
    assert path.read_bytes() == b"first\nsecond\nthird\n"


def test_the_part_to_keep_stays_and_the_rest_is_cut_off(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"a\nb\nc\n")
    path.chmod(0o600)
    file = GrowingFile(path, keep=4)
    assert path.read_bytes() == b"a\nb\nc\n"
    file.write(b"d\n")
    file.close()
    assert path.read_bytes() == b"a\nb\nd\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_removed_file_is_an_error(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    file = GrowingFile(folder / "log")
    file.write(b"a\n")
    shutil.rmtree(folder)
    with pytest.raises(OSError, match="removed"):
        file.write(b"b\n")
    with pytest.raises(OSError, match="removed"):
        file.close()
    assert not folder.exists()


def test_a_file_that_was_moved_is_continued(tmp_path):
    file = GrowingFile(tmp_path / "log")
    file.write(b"a\n")
    (tmp_path / "log").rename(tmp_path / "log.1")
    file.write(b"b\n")
    file.close()
    assert (tmp_path / "log.1").read_bytes() == b"a\nb\n"


def test_a_pipe_is_written_to_and_its_lost_reader_is_an_error(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = GrowingFile(path)
    file.write(b"a\n")
    assert os.read(reader, 9) == b"a\n"
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        file.write(b"b\n")
    with pytest.raises(BrokenPipeError):
        file.close()
