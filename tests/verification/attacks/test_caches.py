"""Damaged caches of compiled kernels: a few cases of the attack, and what it would find."""

import os
import pickle
from random import Random

import pytest

from numlean.verification.attacks import Setting
from numlean.verification.attacks.caches import CACHES, attack
from numlean.verification.attacks.caches.damage import DAMAGES, Target, damage, payload

IMPORTS = """
import json, sys
from numlean.verification.attacks.caches import worker
from numlean_kernels.cache_files import folder, store
"""
TRUST_CONTENT = """
from numlean_kernels.cache_files.entry import unpack
store.content_of = lambda raw, key: unpack(raw)[1]
"""
TRUST_FOLDERS = "folder.Folder.check = lambda self: None"
KERNELS = "worker.main(sys.argv[1:])"
RUN = """
print(json.dumps({"state_digest": worker.result(0), "value_digest": worker.result(1)}))
"""


@pytest.fixture
def setting(tmp_path):
    return Setting(None, tmp_path, 5, 1)


def test_runs_are_right_and_repair_the_cache(setting):
    outcomes = list(CACHES.run(setting))
    assert len({outcome.case for outcome in outcomes}) == 5
    assert [outcome.failure for outcome in outcomes] == [None] * 5


def use(monkeypatch, *, defect="", damages=tuple(DAMAGES)):
    """Attack kernels and a small run, in processes with a defect, with some of the damages."""
    for name, end in (("_WORKER", KERNELS), ("_TRAIN", RUN)):
        monkeypatch.setattr(attack, name, ("-c", "\n".join((IMPORTS, defect, end))))
    monkeypatch.setattr(attack, "DAMAGES", dict.fromkeys(damages))


def failures(outcomes):
    return [outcome.failure for outcome in outcomes]


def test_a_bad_folder_is_not_used(setting, monkeypatch):
    use(monkeypatch)
    assert failures(attack._bad_folders(setting, 1)) == [None]


def test_the_attack_finds_that_folders_are_not_checked(setting, monkeypatch):
    use(monkeypatch, defect=TRUST_FOLDERS)
    assert failures(attack._bad_folders(setting, 1)) == ["a pickle was executed"]


def test_a_whole_run_with_damage_has_the_same_digests(setting, monkeypatch):
    use(monkeypatch, damages=("a pickle with a hash", "a flipped bit"))
    assert failures(attack._whole_runs(setting, 1)) == [None]


def test_the_attack_finds_that_content_is_not_checked(setting, monkeypatch):
    use(monkeypatch, defect=TRUST_CONTENT, damages=["a pickle with a hash"])
    assert failures(attack._damaged_files(setting, 1)) == ["a pickle was executed"]


def test_a_case_is_named_by_what_was_tried(tmp_path, monkeypatch):
    path = tmp_path / "a.nbc"
    path.write_bytes(b"kernel")

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "chown", refuse)
    target = Target(path, path, tmp_path / "executed", Random(0))
    assert damage("a pickle of another user", target) == "a pickle that others can write to"
    assert path.stat().st_mode & 0o002


def test_the_payload_creates_its_marker_if_it_is_unpickled(tmp_path):
    pickle.loads(payload(tmp_path / "executed"))
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", DAMAGES)
def test_every_damage_changes_what_is_read(name, tmp_path):
    path, other = tmp_path / "a.nbc", tmp_path / "b.nbc"
    raw, _ = bytes(range(256)) * 20, other.write_bytes(bytes(3000))
    path.write_bytes(raw)
    before = path.lstat()
    damage(name, Target(path, other, tmp_path / "executed", Random(0)))
    can_be_read = path.is_file() and not path.is_symlink() and os.access(path, os.R_OK)
    if can_be_read and path.read_bytes() == raw:
        assert path.lstat().st_mode != before.st_mode
