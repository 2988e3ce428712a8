"""Measure conversions of numbers to block formats, compared with ml_dtypes and gfloat."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.benchmarks.blocks import conversions, missing
from numlean.benchmarks.measurement import Measurement
from numlean.benchmarks.timing import best_seconds
from numlean.cli.bench.report import Report
from numlean.errors import NumleanError
from numlean.text_table import RowFormat

DTYPES: Final = ""
"""None: block formats are no dtypes."""

NUMBERS: Final = 1 << 24
"""The numbers that are converted at once."""


def report(arguments: argparse.Namespace, dtypes: list[str], out: Report) -> int:
    """Print a line for each format; return 0.

    Raises:
        NumleanError: Dtypes are given.
    """
    if dtypes:
        raise NumleanError("--dtypes is not for `numlean bench blocks`; it measures block formats")
    timed = conversions(NUMBERS)
    out.line(f"{NUMBERS:,} binary32 numbers on one core, scales and elements made of them")
    best = best_seconds(timed, arguments.rounds)
    row_format = RowFormat("<>", (max(map(len, timed)), 14), indent="  ")
    out.row(row_format, ("", "ns a number"))
    for name, seconds in best.items():
        out.row(row_format, (name, f"{seconds / NUMBERS * 1e9:.2f}"))
        out.add(Measurement("conversion from binary32", name, seconds, NUMBERS, "number"))
    for library in missing():
        out.note(f"{library} is not installed, so it is not compared")
    return 0
