"""Classification of irises by the lengths and widths of sepals and petals."""

from __future__ import annotations

from numlean.nn import Linear, Sequential, Tanh
from numlean.runtime.task import Task
from numlean.tasks.named import NamedTask, Split
from numlean.tasks.splits import classified

_CLASSES = 3
_TEST_SIZE = 30


def _load() -> Split:
    from sklearn.datasets import load_iris

    return classified(load_iris(), classes=_CLASSES, test_size=_TEST_SIZE)


TASK = NamedTask(
    name="iris",
    summary="150 irises of 3 kinds, 4 lengths each (scikit-learn), 30 of them a test, 4-16-3, tanh,"
    " cross-entropy; knows all 30",
    task=Task.classification(Sequential(Linear(4, 16), Tanh(), Linear(16, _CLASSES))),
    load=_load,
    steps=300,
    batch_size=16,
    lr=0.05,
    momentum=0.9,
    is_classification=True,
)
