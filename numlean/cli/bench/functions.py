"""Measure elementary functions in each dtype, compared with the C library and others."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.benchmarks.functions import C_LIBRARY, ENCLOSURES, USUAL, entries
from numlean.benchmarks.measurement import Measurement
from numlean.benchmarks.operations import ELEMENTS
from numlean.benchmarks.timing import best_seconds
from numlean.cli.bench.report import Report
from numlean.errors import UnknownNameError
from numlean.scalar.elementary import ARITIES
from numlean.text_table import RowFormat

DTYPES: Final = "float32,ieee32exec"
"""The default dtypes."""


def report(arguments: argparse.Namespace, dtypes: list[str], out: Report) -> int:
    """Print a line for each function and implementation; return 0."""
    given = arguments.operation
    names = tuple(given or USUAL) if given != ["all"] else tuple(ARITIES)
    for name in names:
        if name not in ARITIES:
            raise UnknownNameError("function", name, ("all", *ARITIES))
    out.line(f"arrays of {ELEMENTS} elements")
    width = max(len(C_LIBRARY), *(len(dtype + ENCLOSURES) for dtype in dtypes))
    row_format = RowFormat("<<>", (10, width, 10, 12), indent="  ")
    out.row(row_format, ("", "", "ns each", "x C library"))
    for name in names:
        field = {one.name: one for one in entries(name, dtypes)}
        best = best_seconds({key: one.run for key, one in field.items()}, arguments.rounds)
        each = {key: best[key] / one.count for key, one in field.items()}
        for key, time in each.items():
            ratio = f"{time / each[C_LIBRARY]:.2f}" if C_LIBRARY in each else ""
            out.row(row_format, (name, key, f"{time * 1e9:.2f}", ratio))
            out.add(Measurement(name, key, best[key], field[key].count, "element"))
    return 0
