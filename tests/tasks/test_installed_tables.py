"""The tables of scikit-learn, read without importing it."""

import numpy as np
import pytest
import sklearn.datasets

from numlean.tasks import breast_cancer, diabetes, digits, installed_tables, iris, wine
from numlean.tasks.installed_tables import InstalledTable, one_hot

TABLES = {
    "load_digits": digits._TABLE,
    "load_iris": InstalledTable("load_iris", "iris.csv", header=1),
    "load_wine": InstalledTable("load_wine", "wine_data.csv", header=1),
    "load_breast_cancer": InstalledTable("load_breast_cancer", "breast_cancer.csv", header=1),
    "load_diabetes": diabetes._TABLE,
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_the_bits_that_scikit_learn_returns(name):
    table = TABLES[name]
    expected = getattr(sklearn.datasets, name)(**dict(table.options))
    inputs, targets = table.load()
    assert inputs.shape == expected.data.shape
    assert inputs.tobytes() == np.ascontiguousarray(expected.data, np.float64).tobytes()
    assert targets.tolist() == expected.target.tolist()


def test_a_missing_file_is_loaded_by_scikit_learn(monkeypatch):
    inputs, targets = TABLES["load_iris"].load()
    monkeypatch.setattr(installed_tables, "_folder", lambda: None)
    again, same = TABLES["load_iris"].load()
    assert (again.tobytes(), same.tolist()) == (
        np.ascontiguousarray(inputs).tobytes(),
        targets.tolist(),
    )


def test_the_small_tasks_have_one_hot_targets():
    assert one_hot(np.array([2.0, 0.0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    for module, classes in ((iris, 3), (wine, 3), (breast_cancer, 2)):
        targets = module.TASK.load().train.y
        assert targets.shape[1] == classes
        assert (targets.sum(axis=1) == 1).all()
