"""The folders of the cache: who may write to them, and how files are read and written."""

import os
import stat
from pathlib import Path

import pytest

from numlean_kernels.cache_files import folder as folders_module
from numlean_kernels.cache_files.entry import DamagedError
from numlean_kernels.cache_files.folder import (
    Folder,
    Place,
    RefusedError,
    file_name,
    folders,
    show,
)

NOBODY = 65534


@pytest.fixture
def folder(tmp_path):
    tmp_path.chmod(0o700)
    return Folder(tmp_path / "above" / "cache", Place.USERS)


def give_away(path):
    try:
        os.chown(path, NOBODY, NOBODY)
    except OSError as error:
        pytest.skip(f"this process may not give files to others: {error.strerror}")


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def test_new_folders_and_files_belong_to_the_user_alone(folder):
    before = os.umask(0)
    try:
        folder.write("a.nbc", b"code")
    finally:
        os.umask(before)
    assert folder.read("a.nbc") == b"code"
    assert [mode(path) for path in (folder.path, folder.path.parent)] == [0o700, 0o700]
    assert mode(folder.path / "a.nbc") == 0o600
    assert folder.names() == ["a.nbc"] == [path.name for path in folder.path.iterdir()]


def test_a_folder_next_to_the_sources_leaves_the_one_above_it_readable(tmp_path):
    folder = Folder(tmp_path / "__pycache__" / "kernels", Place.INSTALLED)
    before = os.umask(0o022)
    try:
        folder.write("a.nbc", b"code")
    finally:
        os.umask(before)
    assert [mode(path) for path in (folder.path, folder.path.parent)] == [0o700, 0o755]


def test_what_is_missing_is_none(folder):
    assert folder.read("a.nbc") is None
    folder.write("a.nbc", b"code")
    assert folder.read("b.nbc") is None


@pytest.mark.parametrize("bits", [0o720, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_can_write_to_is_refused(folder, bits):
    folder.write("a.nbc", b"code")
    folder.path.chmod(bits)
    with pytest.raises(RefusedError, match=r"others can write to .*; delete it"):
        folder.read("a.nbc")
    with pytest.raises(RefusedError):
        folder.write("b.nbc", b"code")
    folder.path.chmod(0o755)
    assert folder.read("a.nbc") == b"code"


def test_a_folder_of_another_user_is_refused(folder):
    folder.write("a.nbc", b"code")
    give_away(folder.path)
    for use in (lambda: folder.read("a.nbc"), lambda: folder.write("b.nbc", b"")):
        with pytest.raises(RefusedError, match=r"belongs to the user .*; set NUMBA_CACHE_DIR"):
            use()
    assert not folder.is_another_users
    assert Folder(folder.path, Place.INSTALLED).is_another_users


def test_a_link_and_a_file_in_place_of_the_folder_are_refused(folder):
    folder.write("a.nbc", b"code")
    moved = folder.path.rename(folder.path.with_name("moved"))
    folder.path.symlink_to(moved)
    with pytest.raises(RefusedError, match="is a symbolic link"):
        folder.read("a.nbc")
    folder.path.unlink()
    folder.path.write_text("")
    with pytest.raises(RefusedError, match="is not a folder"):
        folder.write("a.nbc", b"code")


@pytest.mark.parametrize(("bits", "is_refused"), [(0o777, True), (0o770, True), (0o1777, False)])
def test_others_may_write_to_the_named_folder_only_as_to_tmp(
    tmp_path, monkeypatch, bits, is_refused
):
    (tmp_path / "named").mkdir()
    (tmp_path / "named").chmod(bits)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    (folder,) = folders()
    if is_refused:
        with pytest.raises(RefusedError, match="run chmod go-w on it, or set NUMBA_CACHE_DIR"):
            folder.write("a.nbc", b"code")
    else:
        folder.write("a.nbc", b"code")
        assert folder.read("a.nbc") == b"code"
        assert mode(folder.path) == 0o700


def test_the_named_folder_may_be_a_link_and_relative(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "link")
    (folder,) = folders()
    folder.write("a.nbc", b"code")
    assert folder.read("a.nbc") == b"code"


def put_folder(path):
    path.mkdir()


def put_link(path):
    path.with_name("elsewhere").write_bytes(b"other")
    path.symlink_to("elsewhere")


def put_device(path):
    path.symlink_to("/dev/zero")


def put_dangling_link(path):
    path.symlink_to("nowhere")


def put_open_file(path):
    path.write_bytes(b"other")
    path.chmod(0o606)


def put_large_file(path):
    path.write_bytes(bytes(5000))


@pytest.mark.parametrize(
    "put",
    [put_folder, os.mkfifo, put_link, put_device, put_dangling_link, put_open_file, put_large_file],
)
def test_anything_but_a_file_of_the_user_is_damage_and_is_replaced(folder, put, monkeypatch):
    monkeypatch.setattr(folders_module, "_LARGEST", 4999)
    folder.write("a.nbc", b"code")
    (folder.path / "a.nbc").unlink()
    put(folder.path / "a.nbc")
    if (folder.path / "a.nbc").is_file():
        (folder.path / "a.nbc").chmod(0o606)
    with pytest.raises(DamagedError):
        folder.read("a.nbc")
    folder.write("a.nbc", b"anew")
    assert folder.read("a.nbc") == b"anew"
    assert stat.S_ISREG((folder.path / "a.nbc").lstat().st_mode)


def test_what_a_link_points_to_stays_as_it_is(folder):
    folder.write("b.nbc", b"code")
    put_link(folder.path / "a.nbc")
    folder.write("a.nbc", b"anew")
    assert (folder.path / "elsewhere").read_bytes() == b"other"


def test_a_folder_that_is_not_empty_is_not_removed(folder):
    folder.write("b.nbc", b"code")
    (folder.path / "a.nbc" / "within").mkdir(parents=True)
    with pytest.raises(OSError, match="not empty"):
        folder.write("a.nbc", b"code")
    assert (folder.path / "a.nbc" / "within").is_dir()
    assert not list(folder.path.glob("*.partial"))


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(folder, monkeypatch):
    folder.write("a.nbc", b"code")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders_module, "_replace", fail)
    with pytest.raises(OSError, match="No space left"):
        folder.write("a.nbc", b"anew")
    assert folder.read("a.nbc") == b"code"
    assert [path.name for path in folder.path.iterdir()] == ["a.nbc"]


def test_partial_files_of_killed_processes_are_removed_after_a_day(folder):
    folder.write("a.nbc", b"code")
    old, new = (folder.path / f".{name}.partial" for name in ("old", "new"))
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    folder.remove_stale_partials()
    assert new.exists()
    assert not old.exists()


def test_without_a_name_there_are_a_folder_next_to_the_sources_and_one_of_the_user(
    monkeypatch, tmp_path
):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    installed, users = folders()
    sources = Path(folders_module.__file__).parents[1]
    assert installed == Folder(sources / "__pycache__" / "kernels", Place.INSTALLED)
    assert users.place is Place.USERS
    for ignored in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert list(folders()) == [installed, Folder(tmp_path / ".cache/numlean", Place.USERS)]
        monkeypatch.setenv("HOME", "relative")
        assert list(folders()) == [installed]


def test_settings_in_the_working_directory_do_not_choose_the_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    assert all(tmp_path not in folder.path.parents for folder in folders())


def test_names_of_files_are_short_and_plain():
    name = file_name("numlean_kernels.loops/<locals>.kernel\x1b[0m" + "x" * 300, "abc", ".nbc")
    assert name.endswith(".abc.nbc")
    assert len(name) < 120
    assert name.replace("_", "").replace(".", "").isalnum()


def test_a_device_is_refused_without_advice_to_change_its_mode(monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", os.devnull)
    (folder,) = folders()
    with pytest.raises(RefusedError, match="/dev/null is not a folder; set NUMBA_CACHE_DIR"):
        folder.check()


def test_long_paths_and_control_characters_are_shown_in_one_short_line():
    assert show(Path("a\x1b[31m\nb")) == r"a\x1b[31m\nb"
    assert len(show(Path("/" + "a" * 5000 + "/b"))) < 220
