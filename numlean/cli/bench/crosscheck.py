"""Measure two training runs one after the other and in lockstep."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.benchmarks import lockstep
from numlean.benchmarks.measurement import Measurement
from numlean.benchmarks.timing import best_seconds
from numlean.cli.bench.report import Report
from numlean.errors import NumleanError
from numlean.text_table import RowFormat

DTYPES: Final = "float32,ieee32exec"
"""The default dtypes."""


def report(arguments: argparse.Namespace, dtypes: list[str], out: Report) -> int:
    """Print a line for each engine; return 0."""
    if len(dtypes) != 2:
        raise NumleanError(f"numlean bench crosscheck needs two dtypes, not {len(dtypes)}")
    out.line(f"a step of digits in {dtypes[0]} and one in {dtypes[1]}, us")
    row_format = RowFormat("<>", (15, 10, 10, 8), indent="  ")
    out.row(row_format, ("", "alone", "lockstep", "more"))
    for way in lockstep.WAYS:
        steps = lockstep.STEPS[way]
        seconds = best_seconds(lockstep.entries(dtypes, way), arguments.rounds)
        alone, both = (seconds[name] / steps * 1e6 for name in ("alone", "lockstep"))
        cells = (way, f"{alone:.1f}", f"{both:.1f}", f"{both / alone - 1:.1%}")
        out.row(row_format, cells)
        by = ",".join(dtypes)
        for name, time in seconds.items():
            out.add(Measurement(f"steps of digits, {name}", by, time, steps, "step", way))
    return 0
