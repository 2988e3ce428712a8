"""A replaced file is the old one or the new one, with the old permissions; nothing else changes."""

import errno
import os
import stat

import pytest

from numlean.files import atomic
from numlean.files.partials import remove_stale_partials


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("old", [0o600, 0o640, 0o666, 0o755])
def test_a_replaced_file_keeps_its_mode_whatever_the_umask(tmp_path, old):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(old)
    before = os.umask(0o027)
    try:
        atomic.write(path, b"new")
        atomic.write(tmp_path / "other", b"new")
    finally:
        os.umask(before)
    assert (path.read_bytes(), mode(path)) == (b"new", old)
    assert mode(tmp_path / "other") == 0o640


def test_secret_content_is_never_in_a_file_that_others_can_read(tmp_path, monkeypatch):
    path, seen = tmp_path / "file", []
    path.write_bytes(b"old")
    path.chmod(0o600)
    real = os.write

    def watching(descriptor, content):
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return real(descriptor, content)

    monkeypatch.setattr(os, "write", watching)
    atomic.write(path, b"secret")
    assert seen == [0o600]


def test_links_with_the_names_of_temporary_files_are_not_followed(tmp_path, monkeypatch):
    victim, path = tmp_path / "victim", tmp_path / "file"
    victim.write_bytes(b"precious")
    monkeypatch.setattr(os, "urandom", lambda count: bytes(count))  # the attacker guesses
    for name in (f".file.{os.getpid()}.partial", f".file.{os.getpid()}.{'00' * 8}.partial"):
        (tmp_path / name).symlink_to(victim)
    with pytest.raises(FileExistsError):
        atomic.write(path, b"new")
    monkeypatch.undo()
    atomic.write(path, b"new")
    assert victim.read_bytes() == b"precious"
    assert path.read_bytes() == b"new"


def test_names_of_temporary_files_cannot_be_guessed(tmp_path, monkeypatch):
    names, real = [], os.open

    def watching(path, *others, **options):
        names.append(os.fspath(path))
        return real(path, *others, **options)

    monkeypatch.setattr(os, "open", watching)
    for _ in range(3):
        atomic.write(tmp_path / "file", b"new")
    partials = {name for name in names if name.endswith(".partial")}
    assert len(partials) == 3


def test_a_link_to_a_file_remains_and_the_file_is_replaced(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "here").mkdir()
    first, second = tmp_path / "first", tmp_path / "here" / "second"
    first.symlink_to("here/second")
    second.symlink_to("../far/new")
    atomic.write(first, b"new")
    assert first.is_symlink()
    assert second.is_symlink()
    assert (tmp_path / "far" / "new").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("folder", errno.EISDIR),
        ("loop", errno.ELOOP),
        ("missing/file", errno.ENOENT),
        ("file/below", errno.ENOTDIR),
        ("n" * 300, errno.ENAMETOOLONG),
        ("nul\0", errno.EINVAL),
    ],
)
def test_a_path_that_cannot_be_a_file_is_refused(tmp_path, name, number):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(tmp_path.iterdir())
    for attempt in (lambda path: atomic.write(path, b"new"), atomic.check):
        with pytest.raises(OSError) as raised:
            attempt(tmp_path / name)
        assert raised.value.errno == number
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 120, "[a]*?", " ", "-o", "a\nb"])
def test_every_possible_name_can_be_written_and_cleaned(tmp_path, name):
    path = tmp_path / name
    atomic.check(path)
    atomic.write(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write to protected files")
def test_a_protected_file_is_refused_before_and_while_it_is_written(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o400)
    for attempt in (atomic.check, lambda path: atomic.write(path, b"new")):
        with pytest.raises(PermissionError):
            attempt(path)
    assert path.read_bytes() == b"old"


def test_a_check_changes_nothing_and_a_full_disk_is_no_reason_to_refuse(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    before = path.stat()
    atomic.check(path)
    atomic.check(tmp_path / "new")
    assert path.stat() == before
    assert list(tmp_path.iterdir()) == [path]

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    atomic.check(path)


def dead_process():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_temporary_files_of_dead_processes_are_removed_and_no_others(tmp_path):
    dead, random = dead_process(), "0123456789abcdef"
    stale = [f".run.{dead}.partial", f".run.{dead}.{random}.partial"]
    kept = [
        f".run.{os.getpid()}.{random}.partial",
        f".run.5.{os.getpid()}.{random}.partial",  # of run.5
        f".run.{dead}.5.partial",
        f".run.{'9' * 30}.partial",
        f".other.{dead}.{random}.partial",
        "run",
    ]
    for name in (*stale, *kept):
        (tmp_path / name).touch()
    (tmp_path / f".run.{dead}.{random[::-1]}.partial").mkdir()  # not a file of ours
    remove_stale_partials(tmp_path / "run")
    left = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert left == set(kept)
    victim, link = tmp_path / "victim", tmp_path / f".run.{dead}.{random}.partial"
    victim.write_bytes(b"precious")
    link.symlink_to(victim)
    remove_stale_partials(tmp_path / "run")
    assert not link.is_symlink()
    assert victim.read_bytes() == b"precious"


def test_pieces_are_seen_only_when_they_are_complete(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    new = atomic.Replacement(path)
    new.write(b"a")
    new.write(b"b")
    assert path.read_bytes() == b"old"
    new.commit()
    assert path.read_bytes() == b"ab"
    new = atomic.Replacement(path)
    new.write(b"c")
    new.discard()
    assert path.read_bytes() == b"ab"
    assert list(tmp_path.iterdir()) == [path]


def test_an_open_file_is_written_to_and_not_replaced(tmp_path):
    path = tmp_path / "file"
    with path.open("wb", buffering=0) as file:
        file.write(b"printed ")
        atomic.write(f"/dev/fd/{file.fileno()}", b"written")
        file.seek(0, os.SEEK_END)
        file.write(b" printed")
    assert path.read_bytes() == b"printed written printed"


def test_a_pipe_whose_reader_is_gone_does_not_stop_the_program(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    atomic.write(path, b"new")
    assert os.read(reader, 9) == b"new"
    os.close(reader)
    with pytest.raises(OSError, match="the pipe has no reader"):
        atomic.write(path, b"new")


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a link to another user")
@pytest.mark.parametrize("levels", ["link", "own/link"])
def test_a_link_that_another_user_made_in_a_shared_folder_is_not_followed(tmp_path, levels):
    victim, shared = tmp_path / "victim", tmp_path / "shared"
    victim.write_bytes(b"precious")
    shared.mkdir()
    shared.chmod(0o1777)
    link = shared / "link"
    link.symlink_to(victim)
    path = link
    if levels == "own/link":
        path = tmp_path / "own"
        path.symlink_to(link)
    os.chown(link, 12345, -1, follow_symlinks=False)
    for attempt in (atomic.check, lambda path: atomic.write(path, b"new")):
        with pytest.raises(PermissionError, match="another user's symbolic link"):
            attempt(path)
    assert victim.read_bytes() == b"precious"
    shared.chmod(0o755)
    atomic.write(path, b"new")
    assert victim.read_bytes() == b"new"


def test_an_own_link_in_a_shared_folder_is_followed(tmp_path):
    tmp_path.chmod(0o1777)
    (tmp_path / "link").symlink_to("file")
    atomic.write(tmp_path / "link", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EINVAL, errno.EIO])
def test_a_folder_that_cannot_be_flushed_is_no_error_but_a_failing_disk_is(
    tmp_path, monkeypatch, number
):
    sync, opening = os.fsync, os.open

    def do_sync(descriptor):
        if number != errno.EACCES and stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    def do_open(path, flags, *others):
        if number == errno.EACCES and flags & os.O_DIRECTORY:
            raise OSError(number, os.strerror(number))
        return opening(path, flags, *others)

    monkeypatch.setattr(os, "fsync", do_sync)
    monkeypatch.setattr(os, "open", do_open)
    if number == errno.EIO:
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            atomic.write(tmp_path / "file", b"new")
    else:
        atomic.write(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
