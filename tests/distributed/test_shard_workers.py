import os
import signal

import pytest

import numlean as nl
from numlean.cli.main import main

pytest.importorskip("distributed", reason="the dask extra is not installed")

RUNS = [
    ("mp:24", "eager", "shard"),
    ("bfloat16@round=stochastic", "compiled", "shard"),
    ("float32", "compiled", "batch"),
]
MODEL = nl.nn.Sequential(
    *(nl.nn.Linear(2, 4), nl.nn.BatchNorm(4), nl.nn.Dropout(0.25), nl.nn.Linear(4, 1))
)


def stepper_of(dtype, backend, statistics):
    options = nl.Options(backend=backend, shards=4, batch_statistics=statistics)
    runner = nl.instantiate(nl.Task.regression(MODEL), dtype, options)
    return nl.stepper(runner, nl.momentum_sgd(0.1, 0.9))


def steps(stepper, after_step=lambda step: None):
    data = nl.get_task("xor").train_data_for(stepper.runner.scalar)
    digests = []
    for step in range(4):
        stepper.step(nl.Batch(data.x, data.y))
        digests.append(nl.state_digest(stepper.runner.named_parameters))
        after_step(step)
    return digests


def test_any_number_of_workers_gives_the_bits_of_this_process_though_they_are_killed(user_cluster):
    from distributed import Client

    user_cluster.add_worker("a")
    user_cluster.add_worker("b")
    client = Client(user_cluster.address)

    def kill_one(step):
        if step < 2:
            address = sorted(client.scheduler_info()["workers"])[0]
            (pid,) = client.run(os.getpid, workers=[address]).values()
            os.kill(pid, signal.SIGKILL)

    for run in RUNS:
        alone = steps(stepper_of(*run))
        shared = stepper_of(*run)
        with nl.shard_workers(shared, scheduler=user_cluster.address, warn=lambda text: None):
            assert steps(shared, kill_one if run == RUNS[0] else lambda step: None) == alone
    client.close()


def test_the_command_trains_on_workers_of_its_own(capsys):
    words = ["train", "xor", "--dtype", "mp:24", "--steps", "2", "--shards", "2", "--json"]
    assert main([*words, "--workers", "1"]) == 0
    shared = capsys.readouterr()
    assert "1 worker(s), dashboard http://127.0.0.1:" in shared.err
    assert main(words) == 0
    digest = '"state_digest"'
    assert shared.out.split(digest)[1] == capsys.readouterr().out.split(digest)[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workers", "2"], "--workers 2 needs --shards V"),
        (["--scheduler", "tcp://x"], "--scheduler tcp://x needs --shards V"),
        (["--batch-statistics", "batch"], "--batch-statistics batch needs --shards V"),
        (["--shards", "2", "--workers", "1", "--scheduler", "x"], "not both"),
        (["--shards", "5000"], "shards must be from 1 to 4096, got 5000"),
    ],
)
def test_options_that_contradict_each_other_are_one_line(words, message, capsys):
    assert main(["train", "xor", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"workers": -1}, "workers must be from 0 to 1024, got -1"),
        ({"workers": 5000}, "workers must be from 0 to 1024, got 5000"),
        ({"workers": 1, "scheduler": "tcp://x"}, "not both"),
        ({"scheduler": " "}, "the address of the scheduler is empty"),
        ({"workers": "two"}, "workers must be"),
    ],
)
def test_a_wrong_choice_of_workers_is_one_line(words, message):
    with (
        pytest.raises(nl.NumleanError, match=message) as caught,
        nl.shard_workers(stepper_of(*RUNS[0]), **words),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_no_workers_are_this_process():
    alone, shared = steps(stepper_of(*RUNS[1])), stepper_of(*RUNS[1])
    with nl.shard_workers(shared, workers=0) as cluster:
        assert cluster is None
        assert steps(shared) == alone


def test_a_run_of_one_shard_has_nothing_for_workers():
    runner = nl.instantiate(nl.Task.regression(MODEL), "mp:8")
    stepper = nl.stepper(runner, nl.sgd(0.1))
    with pytest.raises(nl.NumleanError, match="this run has one"), nl.shard_workers(stepper):
        pass
