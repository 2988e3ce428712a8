"""Measure operations in each dtype, compared with SoftFloat and with mpmath."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.benchmarks.measurement import Measurement
from numlean.benchmarks.operations import ELEMENTS, OPERATIONS, PRODUCTS, USUAL, entries
from numlean.benchmarks.timing import best_seconds, times_mpmath
from numlean.cli.bench.report import Report
from numlean.errors import UnknownNameError
from numlean.text_table import RowFormat

DTYPES: Final = "float32,ieee32exec,mp:24,mp:24@engine=mpmath"
"""The default dtypes."""


def report(arguments: argparse.Namespace, dtypes: list[str], out: Report) -> int:
    """Print a line for each operation and dtype; return 0."""
    given, flags = arguments.operation, arguments.flags
    operations = tuple(given or USUAL) if given != ["all"] else OPERATIONS
    for operation in operations:
        if operation not in OPERATIONS:
            raise UnknownNameError("operation", operation, ("all", *OPERATIONS))
    out.line(f"arrays of {ELEMENTS} elements; square matrices, two operations per term")
    width = max(len("SoftFloat binary32"), *(len(f"{dtype}, flags") for dtype in dtypes))
    names = max(map(len, operations))
    row_format = RowFormat("<<>", (names, width, 10, 7, 11, 8), indent="  ")
    out.row(row_format, ("", "", "ns each", "Gop/s", "x SoftFloat", "x mpmath"))
    for operation in operations:
        field = {one.name: one for one in entries(operation, dtypes, flags=flags)}
        best = best_seconds({name: one.run for name, one in field.items()}, arguments.rounds)
        each = {name: best[name] / one.count for name, one in field.items()}
        softfloat = {one.format: each[name] for name, one in field.items() if one.is_softfloat}
        for name, one in field.items():
            time = each[name]
            ratio = f"{softfloat[one.format] / time:.1f}" if one.format in softfloat else ""
            cells = (
                operation,
                name,
                f"{time * 1e9:.3f}",
                f"{1e-9 / time:.4f}",
                ratio,
                times_mpmath(name, each),
            )
            out.row(row_format, cells)
            unit = "operation" if operation in PRODUCTS else "element"
            out.add(Measurement(operation, name, best[name], one.count, unit))
    return 0
