"""Measure a compiled step by policies, compared with one in float32, and the memory of many."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.benchmarks.backends import BATCH
from numlean.benchmarks.measurement import Measurement
from numlean.benchmarks.policies import BASE, growth, steps
from numlean.benchmarks.timing import best_seconds
from numlean.cli.bench.report import Report
from numlean.precision import policies
from numlean.text_table import RowFormat

DTYPES: Final = ",".join(f"policy:{each.name}" for each in policies.named())
"""The default arithmetics: all named policies."""

STEPS: Final = 10_000
"""The steps over which memory is measured."""


def report(arguments: argparse.Namespace, dtypes: list[str], out: Report) -> int:
    """Print a line for each policy; return 0."""
    out.line(f"one compiled step of a network 64-64-10, {BATCH} images, fast kernels")
    timed = steps(dtypes)
    best = best_seconds(timed, arguments.rounds)
    row_format = RowFormat("<>", (max(map(len, timed)), 10, 11, 24), indent="  ")
    out.row(row_format, ("", "us", f"x {BASE}", f"kB after {STEPS:,} steps"))
    for name, seconds in best.items():
        grown = growth(timed[name], STEPS)
        memory = "" if grown is None else f"{grown / 1024:+.0f}"
        cells = (name, f"{seconds * 1e6:.1f}", f"{seconds / best[BASE]:.2f}", memory)
        out.row(row_format, cells)
        work = "step of 64-64-10"
        out.add(Measurement(work, name, seconds, 1, "step", "compiled, fast", grown))
    return 0
