"""A step of training in each dtype."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.tasks import get_task

DTYPES: Final = "float64,float32,ieee32exec,softfloat32,mp:24,mp:200"
"""Those measured unless others are asked for."""


def show(arguments: argparse.Namespace, dtypes: list[str]) -> int:
    """Print a line for each dtype; return 0."""
    from numlean.benchmarks.step import training_step
    from numlean.benchmarks.timing import best_seconds

    task = get_task("digits")
    timed = {dtype: training_step(task, dtype) for dtype in dtypes}
    print(f"one step of digits (batch {task.batch_size}, SGD with momentum), ms")
    for dtype, seconds in best_seconds(timed, arguments.rounds).items():
        print(f"  {dtype:<12} {seconds * 1e3:10.3f}", flush=True)
    return 0
