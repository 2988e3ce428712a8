"""Classification of tumours: malignant or benign."""

from __future__ import annotations

import numpy as np

from numlean.nn import Linear, Sequential, Tanh
from numlean.runtime.task import Task
from numlean.tasks.named import NamedTask, Split
from numlean.tasks.splits import parted, standardised_before

_CLASSES = 2
_TEST_SIZE = 114
_SPLIT_SEED = 0


def _load() -> Split:
    from sklearn.datasets import load_breast_cancer

    bundle = load_breast_cancer()
    one_hot = np.eye(_CLASSES)[bundle.target]
    split = parted(bundle.data, one_hot, test_size=_TEST_SIZE, seed=_SPLIT_SEED)
    return standardised_before(split, targets=False)


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
