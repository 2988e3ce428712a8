"""Classification of irises by the lengths and widths of their sepals and petals."""

from __future__ import annotations

from numlean.tasks.installed_tables import InstalledTable
from numlean.tasks.measurements import measurement_task

TASK = measurement_task(
    "iris",
    "150 irises of 3 species, 4 lengths each (scikit-learn), 30 held out, 4-16-3, tanh,"
    " cross-entropy; classifies all 30 correctly",
    InstalledTable("load_iris", "iris.csv", header=1),
    inputs=4,
    classes=3,
    test_size=30,
)
