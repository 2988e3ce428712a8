"""Classification of wines by what chemistry finds in them."""

from __future__ import annotations

from numlean.nn import Linear, Sequential, Tanh
from numlean.runtime.task import Task
from numlean.tasks.named import NamedTask, Split
from numlean.tasks.splits import classified

_CLASSES = 3
_TEST_SIZE = 36


def _load() -> Split:
    from sklearn.datasets import load_wine

    return classified(load_wine(), classes=_CLASSES, test_size=_TEST_SIZE)


TASK = NamedTask(
    name="wine",
    summary="178 wines of 3 growers, 13 measurements each (scikit-learn), 36 of them a test,"
    " 13-16-3, tanh, cross-entropy; knows 35 of the 36",
    task=Task.classification(Sequential(Linear(13, 16), Tanh(), Linear(16, _CLASSES))),
    load=_load,
    steps=300,
    batch_size=16,
    lr=0.05,
    momentum=0.9,
    is_classification=True,
)
