import json
import os
import signal
import socket
import time

import pytest

import numlean as nl
from numlean.cli.main import main
from numlean.distributed.cluster import connect
from numlean.distributed.sweep.observer import SweepObserver
from numlean.errors import UnavailableError

pytest.importorskip("distributed", reason="the dask extra is not installed")
pytest.importorskip("pyarrow", reason="the dask extra is not installed")

SPEC = {"task": "xor", "steps": 2, "dtype": ["mp:24", "mp:11"], "seed": [0, 1, 2]}


def bits(result):
    return {row["digest"]: row["chain"] for row in result.runs}


class KillingWorkers(SweepObserver):
    """Kills the worker that made a run, when the run has ended."""

    def __init__(self, address):
        from distributed import Client

        self.client = Client(address)
        self.killed = []

    def ended(self, point, result):
        if len(self.killed) < 2:
            pids = {}
            while not pids:  # the cluster starts a worker for the one that was killed
                pids = self.client.run(os.getpid, on_error="ignore")
                time.sleep(0.1)
            for pid in pids.values():
                os.kill(pid, signal.SIGKILL)
            self.killed += pids.values()


def test_runs_on_workers_that_are_killed_have_the_bits_of_runs_in_this_process(
    user_cluster, tmp_path
):
    user_cluster.add_worker("a")
    observer = KillingWorkers(user_cluster.address)
    made = nl.sweep(SPEC, tmp_path / "w", scheduler=user_cluster.address, observer=observer)
    observer.client.close()
    assert len(observer.killed) == 2
    assert bits(made) == bits(nl.sweep(SPEC, tmp_path / "here", workers=0))
    assert made.failed == []


class KillingTheScheduler(SweepObserver):
    """Kills the scheduler when a run has ended."""

    def __init__(self, cluster):
        self.cluster = cluster

    def ended(self, point, result):
        self.cluster.kill_scheduler()


def test_the_end_of_the_scheduler_is_one_error(user_cluster, tmp_path):
    user_cluster.add_worker("a")
    spec = {"task": "xor", "steps": 400, "dtype": "mp:24", "seed": [*range(20)]}
    address, observer = user_cluster.address, KillingTheScheduler(user_cluster)
    with pytest.raises(UnavailableError, match=r"the scheduler .* ended"):
        nl.sweep(spec, tmp_path / "w", scheduler=address, observer=observer)


def test_a_worker_of_another_version_is_refused_by_name(
    user_cluster, other_numlean, tmp_path, capsys
):
    user_cluster.add_worker("b", PYTHONPATH=other_numlean)
    spec = tmp_path / "spec.toml"
    spec.write_text('task = "xor"\nsteps = 1\ndtype = "mp:8"\n')
    words = ["sweep", str(spec), "--out", str(tmp_path / "out")]
    assert main([*words, "--scheduler", user_cluster.address]) == 2
    shown = capsys.readouterr().err
    assert "has numlean 9.9.9, and this process has numlean" in shown
    assert "worker tcp://127.0.0.1:" in shown


def test_a_worker_of_another_version_that_joins_late_leaves_its_work_to_others(
    user_cluster, other_numlean
):
    refused = []
    user_cluster.add_worker("a")
    with connect(user_cluster.address, 0) as cluster:
        user_cluster.add_worker("b", PYTHONPATH=other_numlean)
        while len(cluster.workers) < 2:
            time.sleep(0.05)
        done = list(cluster.completed(abs, range(-30, 0), refused.append))
    assert sorted(each.result for each in done) == list(range(1, 31))
    assert all("has numlean 9.9.9" in text for text in refused)
    assert len(refused) == 1


def test_a_scheduler_that_does_not_answer_is_one_line(tmp_path, capsys):
    spec = tmp_path / "spec.toml"
    spec.write_text('task = "xor"\n')
    words = ["sweep", str(spec), "--out", str(tmp_path / "out"), "--scheduler", "nothing://x"]
    assert main(words) == 2
    assert "cannot connect to the scheduler 'nothing://x'" in capsys.readouterr().err


def test_what_answers_but_is_no_scheduler_is_one_line(monkeypatch):
    monkeypatch.setattr("numlean.distributed.cluster._SECONDS_TO_CONNECT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with (
            pytest.raises(nl.NumleanError, match="cannot connect to the scheduler"),
            connect(address, 0),
        ):
            pass


def test_verifications_on_a_cluster_are_those_of_this_machine(user_cluster, capsys):
    user_cluster.add_worker("a")
    words = ["verify", "arithmetic", "--dtype", "e4m3", "--against", "rationals", "--level", "all"]
    words += ["--operation", "mul"]
    assert main([*words, "--jobs", "1"]) == 0
    here = capsys.readouterr().out.split()
    assert main([*words, "--scheduler", user_cluster.address]) == 0
    there = capsys.readouterr().out.split()
    assert here[:-2] == there[:-2]  # all but the time


def test_results_on_a_cluster_are_in_order_and_an_error_is_that_of_the_work(user_cluster):
    user_cluster.add_worker("a")
    with connect(user_cluster.address, 0) as cluster:
        executor = cluster.executor(print)
        assert list(executor.in_order(abs, range(-20, 0), "numbers")) == list(range(20, 0, -1))
        with pytest.raises(ZeroDivisionError):
            list(executor.in_order((6).__floordiv__, [3, 0], "numbers"))


def records(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def test_comparisons_and_ablations_on_a_cluster_have_the_records_of_this_process(
    user_cluster, tmp_path, capsys
):
    user_cluster.add_worker("a")
    cluster = ["--scheduler", user_cluster.address]
    compare = ["compare", "xor", "--dtypes", "mp:11,mp:8", "--truth", "mp:24", "--steps", "2"]
    ablate = ["ablate", "xor", "--policy", "uniform(mp:11),accumulate=mp:24", "--steps", "2"]
    for number, words in enumerate(([*compare, "--seeds", "2"], [*ablate, "--seeds", "1"])):
        here, there = (tmp_path / f"{where}{number}.jsonl" for where in ("here", "there"))
        assert main([*words, "--jsonl", str(here)]) == 0
        assert main([*words, "--jsonl", str(there), *cluster]) == 0
        assert records(here) == records(there)
        capsys.readouterr()
