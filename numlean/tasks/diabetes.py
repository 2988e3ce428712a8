"""Regression: progression of diabetes within a year."""

from __future__ import annotations

from numlean.nn import Linear, Sequential, Tanh
from numlean.tasks.installed_tables import InstalledTable
from numlean.tasks.named import NamedTask, Split
from numlean.tasks.splits import standardise_before, train_test_split
from numlean.training.task import Task

_TABLE = InstalledTable(
    "load_diabetes",
    "diabetes_data_raw.csv.gz",
    "diabetes_target.csv.gz",
    delimiter=None,
    options=(("scaled", False),),  # as measured: scaling there depends on the machine
)
_TEST_SIZE = 88
_SPLIT_SEED = 0


def _load() -> Split:
    measured, progression = _TABLE.load()
    targets = progression.reshape(-1, 1)
    split = train_test_split(measured, targets, test_size=_TEST_SIZE, seed=_SPLIT_SEED)
    return standardise_before(split, targets=True)


TASK = NamedTask(
    name="diabetes",
    summary="progression of diabetes in a year, 442 patients, 10 measurements each (scikit-learn),"
    " 88 held out, 10-8-1, tanh, squared error of the standardised target; reaches a test loss"
    " of 0.56",
    task=Task.regression(Sequential(Linear(10, 8), Tanh(), Linear(8, 1))),
    load=_load,
    steps=300,
    batch_size=32,
    lr=0.01,
    momentum=0.9,
    is_classification=False,
)
