"""Regression: one period of the sine."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from numlean.data import Dataset
from numlean.nn import Linear, Sequential, Tanh
from numlean.tasks.named import NamedTask, Split
from numlean.training.task import Task

_SAMPLES = 240


def _load() -> Split:
    # Correctly rounded, so that the targets do not depend on the machine's libm.
    from numlean.scalar.registry import get_scalar

    scalar = get_scalar("float64")
    x = np.array([[float(Fraction(2 * k + 1, _SAMPLES) - 1)] for k in range(_SAMPLES)])
    y = scalar.sin(scalar.mul(scalar.from_float(x), scalar.from_float(np.pi)))
    data = Dataset.of_arrays(x, scalar.to_float(y))
    is_test = np.arange(_SAMPLES) % 4 == 1
    return Split(
        train=Dataset(*data.batch(np.flatnonzero(~is_test))),
        test=Dataset(*data.batch(np.flatnonzero(is_test))),
    )


TASK = NamedTask(
    name="sine",
    summary="y = sin(pi x) on [-1, 1]: 240 points, every fourth held out, 1-16-1, tanh",
    task=Task.regression(Sequential(Linear(1, 16), Tanh(), Linear(16, 1))),
    load=_load,
    steps=400,
    batch_size=32,
    lr=0.1,
    momentum=0.9,
    is_classification=False,
)
