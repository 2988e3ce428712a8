"""Classification of tumours: malignant or benign."""

from __future__ import annotations

from numlean.tasks.installed_tables import InstalledTable
from numlean.tasks.measurements import measurement_task

TASK = measurement_task(
    "breast-cancer",
    "569 tumours, 30 measurements each, malignant or benign (scikit-learn), 114 held out,"
    " 30-16-2, tanh, cross-entropy; classifies at least 113 of the 114 correctly",
    InstalledTable("load_breast_cancer", "breast_cancer.csv", header=1),
    inputs=30,
    classes=2,
    test_size=114,
)
