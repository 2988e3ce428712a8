"""Measure what a core can do at most."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.benchmarks import limits
from numlean.cli.bench.report import Report
from numlean.errors import NumleanError
from numlean.text_table import RowFormat

DTYPES: Final = ""
"""The loops are those of the processor's binary32 and binary64."""


def report(arguments: argparse.Namespace, dtypes: list[str], out: Report) -> int:
    """Print a line for each loop; return 0."""
    if dtypes:
        raise NumleanError("bench limits measures float32 and float64; omit --dtypes")
    measured = limits.measure(arguments.rounds)
    cycle = measured[0].each
    out.line(f"one core, {1e-9 / cycle:.2f} GHz while it ran these loops")
    row_format = RowFormat("<<<>", (23, 9, 10, 12, 13), indent="  ")
    out.row(row_format, ("", "", "", "1e9 a second", "for one cycle"))
    for one in measured:
        cells = (f"{1e-9 / one.each:.2f}", f"{cycle / one.each:.2f}")
        out.row(row_format, (one.work, one.variant or "", f"{one.unit}s", *cells))
    out.add(*measured)
    return 0
