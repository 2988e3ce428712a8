"""Classification of irises by the lengths and widths of sepals and petals."""

from __future__ import annotations

import numpy as np

from numlean.nn import Linear, Sequential, Tanh
from numlean.runtime.task import Task
from numlean.tasks.named import NamedTask, Split
from numlean.tasks.splits import parted, standardised_before

_CLASSES = 3
_TEST_SIZE = 30
_SPLIT_SEED = 0


def _load() -> Split:
    from sklearn.datasets import load_iris

    bundle = load_iris()
    one_hot = np.eye(_CLASSES)[bundle.target]
    split = parted(bundle.data, one_hot, test_size=_TEST_SIZE, seed=_SPLIT_SEED)
    return standardised_before(split, targets=False)


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
