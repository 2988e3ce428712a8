"""Measure a training step in each dtype."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.benchmarks.measurement import Measurement
from numlean.benchmarks.step import training_step
from numlean.benchmarks.timing import best_seconds, times_mpmath
from numlean.cli.bench.report import Report
from numlean.tasks import get_task
from numlean.text_table import align_rows

DTYPES: Final = (
    "float64,float32,ieee32exec,softfloat32,mp:24,mp:200,mp:24@engine=mpmath,mp:200@engine=mpmath"
)
"""The default dtypes."""


def report(arguments: argparse.Namespace, dtypes: list[str], out: Report) -> int:
    """Print a line for each dtype; return 0."""
    task = get_task("digits")
    timed = {dtype: training_step(task, dtype) for dtype in dtypes}
    out.line(f"one step of digits (batch {task.batch_size}, SGD with momentum)")
    best = best_seconds(timed, arguments.rounds)
    rows = [("", "ms", "x mpmath")]
    rows += [(dtype, f"{t * 1e3:.3f}", times_mpmath(dtype, best)) for dtype, t in best.items()]
    out.line("\n".join(align_rows(rows, "<>", indent="  ")))
    out.add(
        *(Measurement("step of digits", name, t, 1, "step", "eager") for name, t in best.items())
    )
    return 0
