"""Classification by a few measurements: what scikit-learn's small tables ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from numlean.nn import Linear, Sequential, Tanh
from numlean.tasks.named import NamedTask, Split
from numlean.tasks.splits import standardised_before, train_test_split
from numlean.training.task import Task

_HIDDEN: Final = 16


def classes_of_measurements(
    name: str,
    summary: str,
    bundle: Callable[[], Any],
    *,
    inputs: int,
    classes: int,
    test_size: int,
) -> NamedTask:
    """A task on a bundle of scikit-learn's: measurements standardised in binary64, classes one-hot.

    The network is inputs-16-classes, with tanh.
    """

    def load() -> Split:
        found = bundle()
        one_hot = np.eye(classes)[found.target]
        split = train_test_split(found.data, one_hot, test_size=test_size, seed=0)
        return standardised_before(split, targets=False)

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
