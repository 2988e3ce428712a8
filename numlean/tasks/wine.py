"""Classification of wines by chemical measurements."""

from __future__ import annotations

from typing import Any

from numlean.tasks.measurements import measurement_task


def _bundle() -> Any:
    from sklearn.datasets import load_wine

    return load_wine()


TASK = measurement_task(
    "wine",
    "178 wines of 3 growers, 13 measurements each (scikit-learn), 36 held out, 13-16-3, tanh,"
    " cross-entropy; classifies 35 of the 36 correctly",
    _bundle,
    inputs=13,
    classes=3,
    test_size=36,
)
