"""A user's table becomes a task like any other."""

from fractions import Fraction

import numpy as np
import pytest

from numlean import NumleanError, TrainConfig, get_scalar, instantiate, state_digest
from numlean.data.tables import read_table
from numlean.optim import sgd
from numlean.rng import UniformStream, permutation
from numlean.tasks.table import TableSettings, table_task
from numlean.training import run_steps

RNG = np.random.default_rng(5)
X, Y = RNG.standard_normal((40, 3)) * [1, 10, 100], RNG.standard_normal(40)


@pytest.fixture
def regression(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, x=X, y=Y)
    return read_table(str(path), "y")


@pytest.fixture
def classes(tmp_path):
    path = tmp_path / "t.csv"
    rows = zip(X.tolist(), np.where(X[:, 0] > 0, "up", "down"), strict=True)
    path.write_text("".join(",".join(map(str, [*x, y])) + "\n" for x, y in rows))
    return read_table(str(path), "4")


def test_rows_are_parted_by_the_seed_the_first_of_their_order_being_the_test(regression):
    settings = TableSettings(test_share=Fraction("0.3"), split_seed=4, standardise="none")
    split = table_task(regression, settings).load()
    order = permutation(40, UniformStream(4))
    assert split.test.x.tolist() == X[order[:12]].tolist()
    assert split.train.y.tolist() == Y[order[12:], None].tolist()
    assert table_task(regression, TableSettings(test_share=Fraction(0))).load().test.size == 0


def test_inputs_and_targets_of_a_regression_are_standardised_by_the_training_part(regression):
    split = table_task(regression, TableSettings()).load()
    for values in (split.train.x, split.train.y):
        assert np.abs(values.mean(axis=0)).max() < 1e-14
        assert np.abs(values.std(axis=0) - 1).max() < 1e-14


def test_targets_that_are_classes_stay_one_hot(classes):
    for standardise in ("before", "scalar"):
        task = table_task(classes, TableSettings(standardise=standardise))
        split = task.load_for(get_scalar("float32"))
        assert set(np.unique(split.train.y)) == {0.0, 1.0}


def test_in_the_scalar_the_data_are_tensors_that_a_run_takes_as_they_are(regression):
    task = table_task(regression, TableSettings(standardise="scalar", hidden=(4,)))
    digests = set()
    for dtype in ("float32", "ieee32exec"):
        runner = instantiate(task.task, get_scalar(dtype))
        split = task.load_for(runner.scalar)
        assert split.train.x.scalar == runner.scalar
        run_steps(runner, TrainConfig(3, 8, sgd(0.05)), split.train)
        assert np.isfinite(runner.mean_loss(split.test).item())
        digests.add(state_digest(runner.named_parameters))
    assert len(digests) == 1
    before = table_task(regression, TableSettings(hidden=(4,)))
    config = TrainConfig(3, 8, sgd(0.05))
    runner = instantiate(before.task, get_scalar("float32"))
    run_steps(runner, config, before.load().train)
    assert state_digest(runner.named_parameters) not in digests


def test_the_perceptron_has_the_requested_layers(regression, classes):
    none = table_task(regression, TableSettings(hidden=()))
    assert none.task.param_shapes == ((1, 3), (1,))
    some = table_task(classes, TableSettings(hidden=(5, 4), activation="relu"))
    assert some.task.param_shapes == ((5, 3), (5,), (4, 5), (4,), (2, 4), (2,))
    assert "ReLU" in some.task.model.name


def test_images_are_flattened(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, x=RNG.standard_normal((6, 2, 3)), y=[0, 1, 0, 1, 0, 1])
    task = table_task(read_table(str(path), "y"), TableSettings(hidden=(4,)))
    assert task.is_classification
    assert task.task.param_shapes[0] == (4, 6)
    runner = instantiate(task.task, get_scalar("float32"))
    assert runner.predict(task.load().train.x).shape == (5, 2)


@pytest.mark.parametrize(
    "settings",
    [
        {"test_share": Fraction(1)},
        {"test_share": Fraction(-1, 5)},
        {"standardise": "after"},
        {"activation": "step"},
    ],
)
def test_invalid_settings_are_refused(settings):
    with pytest.raises(NumleanError, match=r"1|-1/5|known: before|known: tanh"):
        TableSettings(**settings)
