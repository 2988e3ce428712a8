"""Exclusive or: four samples that a linear model cannot fit."""

from __future__ import annotations

from numlean.data import Dataset
from numlean.nn import Linear, Sequential, Tanh
from numlean.tasks.named import NamedTask, Split
from numlean.training.task import Task


def _load() -> Split:
    data = Dataset.of_arrays([[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]])
    return Split(train=data, test=data)


TASK = NamedTask(
    name="xor",
    summary="exclusive or of two bits: 4 samples, 2-8-1 with tanh, squared error",
    task=Task.regression(Sequential(Linear(2, 8), Tanh(), Linear(8, 1))),
    load=_load,
    steps=200,
    batch_size=4,
    lr=0.1,
    momentum=0.9,
    is_classification=False,
)
