"""Classification of irises by the lengths and widths of sepals and petals."""

from __future__ import annotations

from typing import Any

from numlean.tasks.measurements import classes_of_measurements


def _bundle() -> Any:
    from sklearn.datasets import load_iris

    return load_iris()


TASK = classes_of_measurements(
    "iris",
    "150 irises of 3 kinds, 4 lengths each (scikit-learn), 30 of them a test, 4-16-3, tanh,"
    " cross-entropy; knows all 30",
    _bundle,
    inputs=4,
    classes=3,
    test_size=30,
)
