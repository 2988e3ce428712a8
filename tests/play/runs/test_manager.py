"""Processes of runs: started, stopped, left behind, and found again."""

import json
import os
import time

import pytest

from numlean.errors import NumleanError
from numlean.play.runs.folder import FAILED, FINISHED, RUNNING, STOPPED, WAITING
from numlean.play.runs.manager import MOST_AT_ONCE, MOST_WAITING, RunManager
from numlean.play.runs.plan import Plan

SHORT = Plan("train", "xor", ("xor", "--dtype", "float64", "--steps", "3", "--device", "python"))
LONG = Plan("train", "xor", (*SHORT.arguments[:4], "1000000", "--device", "python"))


def _wait(condition):
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end, "never true"
        time.sleep(0.02)


def _steps(manager, run):
    log = manager.folders.read(run.id, "log.jsonl") or b""
    return log.count(b'"exact_loss"')


def test_a_run_ends_with_its_log_its_certificate_and_its_results(manager):
    (run,) = manager.start([SHORT])
    assert manager.state(run.id) == RUNNING
    _wait(lambda: manager.state(run.id) != RUNNING)
    assert manager.state(run.id) == FINISHED
    assert _steps(manager, run) == 3
    assert manager.folders.results(run.id)["steps"] == 3
    assert json.loads(manager.folders.read(run.id, "certificate.json"))


def test_a_wrong_command_has_failed_and_says_why(manager):
    (run,) = manager.start([Plan("train", "x", ("xor", "--dtype", "float33"))])
    _wait(lambda: manager.state(run.id) != RUNNING)
    assert manager.state(run.id) == FAILED
    assert b"float33" in manager.folders.read(run.id, "messages.txt")


def test_the_end_of_the_server_stops_runs_after_a_step_and_another_server_lists_them(
    manager, workspace
):
    runs = manager.start([LONG] * (MOST_AT_ONCE + 1))
    states = [manager.state(run.id) for run in runs]
    assert states == [RUNNING] * MOST_AT_ONCE + [WAITING]
    _wait(lambda: _steps(manager, runs[0]))
    with pytest.raises(NumleanError, match="stop it first"):
        manager.remove(runs[0].id)
    manager.stop(runs[2].id)
    assert manager.state(runs[2].id) == STOPPED
    manager.close()
    with RunManager(workspace) as other:
        assert [each.id for each in other.folders.all()] == [run.id for run in reversed(runs)]
        assert {other.state(run.id) for run in runs} == {STOPPED}
        results = other.folders.results(runs[0].id)
        assert results["stopped_by"] == "interrupt"
        assert results["steps"] == _steps(other, runs[0])
        other.keep(runs[0].id, is_kept=True)
        other.remove(runs[1].id)
        assert [each.id for each in other.folders.all()] == [runs[2].id, runs[0].id]


def test_a_run_whose_server_was_killed_goes_on_and_is_stopped_by_another(manager, workspace):
    (run,) = manager.start([LONG])
    _wait(lambda: _steps(manager, run))
    with RunManager(workspace) as other:
        assert other.state(run.id) == RUNNING
        other.stop(run.id)
        _wait(lambda: other.state(run.id) != RUNNING)
        assert other.folders.results(run.id)["stopped_by"] == "interrupt"


def test_a_description_cannot_stop_another_process(manager):
    (run,) = manager.start([SHORT])
    _wait(lambda: manager.state(run.id) != RUNNING)
    lock = manager.folders.lock(run.id)
    found = manager.folders.find(run.id)
    manager.folders.write(run.id, "run.json", found.to_plain() | {"pid": os.getpid()})
    manager.stop(run.id)  # would end this process
    os.close(lock)


def test_only_so_many_runs_wait(manager):
    with pytest.raises(NumleanError, match=f"at most {MOST_WAITING} may"):
        manager.start([SHORT] * (MOST_WAITING + 1))
    assert manager.folders.ids() == []


def test_a_table_is_written_with_a_harmless_name(manager, workspace):
    assert manager.save_table("<script>.csv", b"a,b\n") == "runs/tables/_script_.csv"
    assert manager.save_table("../../x.csv", b"1") == "runs/tables/x.csv"
    assert manager.save_table("x.csv", b"2") == "runs/tables/x-2.csv"
    assert manager.save_table("x.csv", b"1") == "runs/tables/x.csv"
    for name in ("x", "x.toml", ".csv", "", "a.csv/b", "\0"):
        with pytest.raises(NumleanError, match="a table ends in"):
            manager.save_table(name, b"1")
    names = {path.name for path in (workspace.root / "runs" / "tables").iterdir()}
    assert names == {"_script_.csv", "x.csv", "x-2.csv"}
