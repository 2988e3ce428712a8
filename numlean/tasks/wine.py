"""Classification of wines by what chemistry finds in them."""

from __future__ import annotations

from typing import Any

from numlean.tasks.measurements import classes_of_measurements


def _bundle() -> Any:
    from sklearn.datasets import load_wine

    return load_wine()


TASK = classes_of_measurements(
    "wine",
    "178 wines of 3 growers, 13 measurements each (scikit-learn), 36 of them a test,"
    " 13-16-3, tanh, cross-entropy; knows 35 of the 36",
    _bundle,
    inputs=13,
    classes=3,
    test_size=36,
)
