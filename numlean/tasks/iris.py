"""Classification of irises by the lengths and widths of their sepals and petals."""

from __future__ import annotations

from typing import Any

from numlean.tasks.measurements import measurement_task


def _bundle() -> Any:
    from sklearn.datasets import load_iris

    return load_iris()


TASK = measurement_task(
    "iris",
    "150 irises of 3 species, 4 lengths each (scikit-learn), 30 held out, 4-16-3, tanh,"
    " cross-entropy; classifies all 30 correctly",
    _bundle,
    inputs=4,
    classes=3,
    test_size=30,
)
