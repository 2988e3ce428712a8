"""Folders of runs, which anybody may have made."""

import json
import os

import pytest

from numlean.errors import NumleanError
from numlean.play.runs.folder import MOST_READ, RunFolders
from numlean.play.runs.plan import Plan
from numlean.play.workspace import Workspace

STAMP = "20260102-030405"
PLAN = Plan("train", "xor in float32", ("xor", "--dtype", "float32"))


@pytest.fixture
def folders(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    return RunFolders(Workspace(root.resolve()))


def test_a_run_is_found_again_with_the_command_that_repeats_it(folders):
    made = folders.make(STAMP, PLAN)
    assert folders.find(made.id) == made
    assert made.command_line == "numlean train xor --dtype float32"
    assert f"--log=runs/{made.id}/log.jsonl" in made.arguments
    other = folders.make(STAMP, PLAN)
    assert folders.ids() == [other.id, made.id]


@pytest.mark.parametrize(
    "name",
    ["", "..", "../x", "<script>", f"{STAMP}-1/..", f"{STAMP}-1\n", "20260102-030405-\u0661"],
)
def test_another_name_is_no_run(folders, name):
    folders.make(STAMP, PLAN)
    with pytest.raises(NumleanError):
        folders.find(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[1]",
        "{",
        "[" * 100_000,
        '{"kind": "rm", "title": "x", "arguments": [], "pid": 1}',
        '{"kind": "train", "title": 3, "arguments": [], "pid": 1}',
        '{"kind": "train", "title": "x", "arguments": [1], "pid": 1}',
        '{"kind": "train", "title": "x", "arguments": [], "pid": "1"}',
    ],
)
def test_a_description_that_is_not_one_is_no_run(folders, text):
    run = folders.make(STAMP, PLAN)
    (folders.workspace.root / folders.path(run.id, "run.json")).write_text(text)
    with pytest.raises(NumleanError, match="is not the folder of a run"):
        folders.find(run.id)
    assert folders.all() == []


def test_links_are_not_followed(folders, tmp_path):
    run = folders.make(STAMP, PLAN)
    secret = tmp_path / "secret"
    secret.write_text('{"kind": "train", "title": "x", "arguments": [], "pid": 0}')
    own = folders.workspace.root / folders.path(run.id)
    (own / "results.json").symlink_to(secret)
    os.mkfifo(own / "log.jsonl")
    assert folders.read(run.id, "results.json") is None
    assert folders.read(run.id, "log.jsonl") is None
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "run.json").write_text(secret.read_text())
    link = folders.workspace.root / "runs" / f"{STAMP}-77"
    link.symlink_to(outside)
    with pytest.raises(NumleanError):
        folders.find(link.name)
    with pytest.raises(NumleanError, match="cannot write"):
        folders.write(link.name, "end.json", {})


def test_a_folder_of_runs_that_leads_elsewhere_has_none(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "runs").symlink_to(outside)
    folders = RunFolders(Workspace(root.resolve()))
    assert folders.ids() == []
    with pytest.raises(NumleanError, match="cannot make"):
        folders.make(STAMP, PLAN)
    assert list(outside.iterdir()) == []


def test_a_small_file_is_read_to_a_limited_size(folders):
    run = folders.make(STAMP, PLAN)
    file = folders.workspace.root / folders.path(run.id, "messages.txt")
    file.write_bytes(b"x" * (MOST_READ + 1))
    assert len(folders.read(run.id, "messages.txt")) == MOST_READ


def test_a_kept_run_is_not_removed_and_foreign_files_stay(folders):
    run = folders.make(STAMP, PLAN)
    folders.keep(run.id, is_kept=True)
    with pytest.raises(NumleanError, match="is kept"):
        folders.remove(run.id)
    folders.keep(run.id, is_kept=False)
    own = folders.workspace.root / folders.path(run.id)
    (own / "notes.txt").write_text("mine")
    folders.remove(run.id)
    assert [each.name for each in own.iterdir()] == ["notes.txt"]


def test_a_lock_is_seen_while_it_is_held(folders):
    run = folders.make(STAMP, PLAN)
    assert not folders.is_locked(run.id)
    fd = folders.lock(run.id)
    assert folders.is_locked(run.id)
    os.close(fd)
    assert not folders.is_locked(run.id)


def test_results_that_are_not_json_are_none(folders):
    run = folders.make(STAMP, PLAN)
    file = folders.workspace.root / folders.path(run.id, "results.json")
    assert folders.results(run.id) is None
    file.write_text("{")
    assert folders.results(run.id) is None
    file.write_text(json.dumps({"steps": 3}))
    assert folders.results(run.id) == {"steps": 3}
