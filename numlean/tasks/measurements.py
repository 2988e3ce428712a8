"""Classification by a few measurements: the small tables of scikit-learn."""

from __future__ import annotations

from typing import Final

from numlean.nn import Linear, Sequential, Tanh
from numlean.tasks.installed_tables import InstalledTable, one_hot
from numlean.tasks.named import NamedTask, Split
from numlean.tasks.splits import standardise_before, train_test_split
from numlean.training.task import Task

_HIDDEN: Final = 16


def measurement_task(
    name: str,
    summary: str,
    table: InstalledTable,
    *,
    inputs: int,
    classes: int,
    test_size: int,
) -> NamedTask:
    """Return the task of a scikit-learn table, with a network inputs-16-classes with tanh.

    Measurements are standardised in binary64, and classes are one-hot.
    """

    def load() -> Split:
        measured, found = table.load()
        targets = one_hot(found, classes)
        split = train_test_split(measured, targets, test_size=test_size, seed=0)
        return standardise_before(split, targets=False)

    return NamedTask(
        name=name,
        summary=summary,
        task=Task.classification(
            Sequential(Linear(inputs, _HIDDEN), Tanh(), Linear(_HIDDEN, classes))
        ),
        load=load,
        steps=300,
        batch_size=16,
        lr=0.05,
        momentum=0.9,
        is_classification=True,
    )
