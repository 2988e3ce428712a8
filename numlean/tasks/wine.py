"""Classification of wines by chemical measurements."""

from __future__ import annotations

from numlean.tasks.installed_tables import InstalledTable
from numlean.tasks.measurements import measurement_task

TASK = measurement_task(
    "wine",
    "178 wines of 3 growers, 13 measurements each (scikit-learn), 36 held out, 13-16-3, tanh,"
    " cross-entropy; classifies 35 of the 36 correctly",
    InstalledTable("load_wine", "wine_data.csv", header=1),
    inputs=13,
    classes=3,
    test_size=36,
)
