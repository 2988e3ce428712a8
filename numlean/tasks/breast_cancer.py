"""Classification of tumours: malignant or benign."""

from __future__ import annotations

from typing import Any

from numlean.tasks.measurements import measurement_task


def _bundle() -> Any:
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer()


TASK = measurement_task(
    "breast-cancer",
    "569 tumours, 30 measurements each, malignant or benign (scikit-learn), 114 held out,"
    " 30-16-2, tanh, cross-entropy; classifies at least 113 of the 114 correctly",
    _bundle,
    inputs=30,
    classes=2,
    test_size=114,
)
