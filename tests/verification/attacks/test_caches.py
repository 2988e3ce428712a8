"""Damaged caches of compiled kernels: a few cases of the attack, and what it would find."""

import os
import pickle
from random import Random

import pytest

from numlean.verification.attacks import Setting
from numlean.verification.attacks.caches import CACHES
from numlean.verification.attacks.caches.damage import DAMAGES, Target, payload


@pytest.fixture
def setting(tmp_path):
    return Setting(None, tmp_path, 5, 1)


def test_runs_are_right_and_repair_the_cache(setting):
    outcomes = list(CACHES.run(setting))
    assert len({outcome.case for outcome in outcomes}) == 5
    assert [outcome.failure for outcome in outcomes] == [None] * 5


def test_the_payload_creates_its_marker_if_it_is_unpickled(tmp_path):
    pickle.loads(payload(tmp_path / "executed"))
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", DAMAGES)
def test_every_damage_changes_what_is_read(name, tmp_path):
    path, other = tmp_path / "a.nbc", tmp_path / "b.nbc"
    raw, _ = bytes(range(256)) * 20, other.write_bytes(bytes(3000))
    path.write_bytes(raw)
    before = path.lstat()
    DAMAGES[name](Target(path, other, tmp_path / "executed", Random(0)))
    can_be_read = path.is_file() and not path.is_symlink() and os.access(path, os.R_OK)
    if can_be_read and path.read_bytes() == raw:
        assert path.lstat().st_mode != before.st_mode
