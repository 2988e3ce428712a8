"""Measure matrix products by matrix units, compared with a plain product in ieee32exec."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.benchmarks.matrix_units import BASE, SIZE, UNITS, products
from numlean.benchmarks.measurement import Measurement
from numlean.benchmarks.timing import best_seconds
from numlean.cli.bench.report import Report
from numlean.errors import NumleanError
from numlean.text_table import RowFormat

DTYPES: Final = ""
"""No dtypes: the units have formats of their own."""


def report(arguments: argparse.Namespace, dtypes: list[str], out: Report) -> int:
    """Print a line for each matrix unit and size; return 0."""
    if dtypes:
        raise NumleanError("--dtypes is not for `numlean bench matrix-units`; name units by --unit")
    sizes, units = arguments.size or [SIZE], arguments.unit or list(UNITS)
    if min(sizes) < 1:
        raise NumleanError(f"--size: a matrix needs at least one row, got {min(sizes)}")
    for size in sizes:
        timed = products(units, size)
        out.line(f"matrices of {size} x {size}, one core; a term counts as two operations")
        best = best_seconds(timed, arguments.rounds)
        row_format = RowFormat("<>", (max(map(len, timed)), 8, 9, 14), indent="  ")
        out.row(row_format, ("", "Gop/s", "ns/term", f"x {BASE}"))
        for name, seconds in best.items():
            each = seconds / size**3 * 1e9
            speed = (f"{2 / each:.3f}", f"{each:.2f}", f"{best[BASE] / seconds:.2f}")
            out.row(row_format, (name, *speed))
            out.add(Measurement(f"matmul {size}", name, seconds, size**3, "term"))
    return 0
