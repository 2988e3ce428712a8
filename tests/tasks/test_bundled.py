"""The tasks on scikit-learn's bundled data: fixed data, and the accuracy that they reach."""

import numpy as np
import pytest

from numlean import TrainConfig, get_scalar, get_task, instantiate, state_digest
from numlean.optim import sgd
from numlean.training import run_steps

SIZES = {
    "iris": (120, 30, (4,), (3,)),
    "wine": (142, 36, (13,), (3,)),
    "breast-cancer": (455, 114, (30,), (2,)),
    "diabetes": (354, 88, (10,), (1,)),
}
GOLDEN = {
    "breast-cancer": "491d4c8116540eafe3f942329e31a81ac55a5c62951f9dd389b8069aff7f3698",
    "diabetes": "545ac320e63b4059bcd534111d4ca75345ab8deaf555bccc9c8c168747eef2d5",
    "iris": "3989aac32b0f31500d033683693c5a96e955405b0e9739485bcadecf51d68b93",
    "wine": "064dd7162996c377c31587a8dcd72812b77df90e6892e7c46a296cd47dd3a023",
}
"""State digests of ten steps in binary32: of data, order and arithmetic at once."""


def trained(name, dtype, steps):
    task = get_task(name)
    config = TrainConfig(steps, task.batch_size, sgd(task.lr, task.momentum))
    split = task.load()
    runner = instantiate(task.task, get_scalar(dtype))
    run_steps(runner, config, split.train)
    return runner, split


@pytest.mark.parametrize("name", SIZES)
def test_data_are_parted_and_standardised_by_the_training_part(name):
    split = get_task(name).load()
    train_size, test_size, x_shape, y_shape = SIZES[name]
    assert (split.train.size, split.test.size) == (train_size, test_size)
    assert (split.train.x.shape[1:], split.train.y.shape[1:]) == (x_shape, y_shape)
    assert np.abs(split.train.x.mean(axis=0)).max() < 1e-14
    assert np.abs(split.train.x.std(axis=0) - 1).max() < 1e-14
    assert np.abs(split.test.x.mean(axis=0)).max() < 1


@pytest.mark.parametrize("name", GOLDEN)
def test_ten_steps_have_their_golden_digest_in_emulated_and_hardware_binary32(name):
    for dtype in ("float32", "ieee32exec"):
        runner, _ = trained(name, dtype, 10)
        assert state_digest(runner.named_parameters) == GOLDEN[name]


@pytest.mark.parametrize(("name", "least"), [("iris", 30), ("wine", 35), ("breast-cancer", 113)])
def test_tasks_reach_the_accuracy_that_their_summary_states(name, least):
    runner, split = trained(name, "float32", get_task(name).steps)
    runner.eval()
    correct, _ = runner.accuracy_one_hot(split.test)
    assert correct >= least
    assert str(least) in get_task(name).summary


def test_diabetes_reaches_the_error_that_its_summary_states():
    runner, split = trained("diabetes", "float32", get_task("diabetes").steps)
    runner.eval()
    assert round(runner.mean_loss(split.test).item(), 2) == 0.56
    assert "0.56" in get_task("diabetes").summary
