"""Measure the CPU and a GPU, compared with PyTorch on the GPU."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.benchmarks import device
from numlean.benchmarks.measurement import Measurement
from numlean.cli.bench.report import Report
from numlean.errors import NumleanError
from numlean.text_table import RowFormat, align_rows
from numlean.verification import doctor

DTYPES: Final = ""
"""The dtypes are fixed."""


def report(arguments: argparse.Namespace, dtypes: list[str], out: Report) -> int:
    """Print a line for each kind of work; return 0."""
    if dtypes:
        raise NumleanError("bench device measures float32 and ieee32exec; omit --dtypes")
    (size,) = arguments.size or (device.SIZE,)
    if size < 1:
        raise NumleanError(f"--size: a matrix needs at least one row, got {size}")
    out.line("\n".join(align_rows((doctor.machine() | doctor.gpu()).items())))
    columns = (*device.DEVICES, device.TORCH)
    row_format = RowFormat("<>", (33, *[9] * len(columns), 6, 8))
    out.row(row_format, ("a second", *columns, "x cpu", "of torch"))
    for row in device.rows(size, arguments.rounds):
        speeds = [row.speeds.get(column) for column in columns]
        cpu, gpu, torch = speeds
        ratios = [gpu / other if gpu and other else None for other in (cpu, torch)]
        cells = ("" if x is None else f"{x:.4g}" for x in (*speeds, *ratios))
        out.row(row_format, (f"{row.what}, {row.unit}", *cells))
        for column, (seconds, count) in row.jobs.items():
            out.add(Measurement(row.what, column, seconds, count, row.unit))
    return 0
