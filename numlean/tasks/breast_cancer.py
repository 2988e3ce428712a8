"""Classification of tumours: malignant or benign."""

from __future__ import annotations

from numlean.nn import Linear, Sequential, Tanh
from numlean.runtime.task import Task
from numlean.tasks.named import NamedTask, Split
from numlean.tasks.splits import classified

_CLASSES = 2
_TEST_SIZE = 114


def _load() -> Split:
    from sklearn.datasets import load_breast_cancer

    return classified(load_breast_cancer(), classes=_CLASSES, test_size=_TEST_SIZE)


TASK = NamedTask(
    name="breast-cancer",
    summary="569 tumours, 30 measurements each, malignant or benign (scikit-learn), 114 of them a"
    " test, 30-16-2, tanh, cross-entropy; knows at least 113 of the 114",
    task=Task.classification(Sequential(Linear(30, 16), Tanh(), Linear(16, _CLASSES))),
    load=_load,
    steps=300,
    batch_size=16,
    lr=0.05,
    momentum=0.9,
    is_classification=True,
)
