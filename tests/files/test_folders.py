"""Folders that are made for output files, and removed if the command fails."""

import pytest

from numlean.cli.main import main
from numlean.files.folders import made_folder


def test_a_folder_is_made_with_those_above_it(tmp_path):
    with made_folder(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("path", ["a/b/c", "a/../b", "kept/b"])
def test_new_folders_are_removed_after_an_error_and_old_ones_stay(tmp_path, path):
    (tmp_path / "kept").mkdir()
    with pytest.raises(KeyError), made_folder(tmp_path / path):
        raise KeyError
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]


def test_a_null_character_in_a_name_is_an_error_of_the_file(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "xor", "--dtypes", "float32", "--out", "a\0b"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def fill(path):
    with made_folder(path):
        (path / "file").touch()
        raise KeyError


def test_a_folder_with_a_file_stays_after_an_error(tmp_path):
    with pytest.raises(KeyError):
        fill(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "file").exists()


def test_folders_above_one_that_cannot_be_made_are_removed(tmp_path):
    with pytest.raises(OSError, match="name"), made_folder(tmp_path / "a" / ("n" * 300)):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [("--jsonl", ""), ("--jsonl", "no/such.jsonl"), ("--truth", "none"), ("--every", "-1")],
)
def test_a_comparison_that_is_refused_leaves_no_folder(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    line = ["compare", "xor", "--dtypes", "mp:24", "--steps", "1", "--out", "new/folder", *options]
    assert main(line) == 2
    assert list(tmp_path.iterdir()) == []
