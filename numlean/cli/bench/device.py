"""Measure the CPU and a GPU, compared with PyTorch on the GPU."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.benchmarks import device
from numlean.errors import NumleanError
from numlean.text_table import RowFormat, align_rows
from numlean.verification import doctor

DTYPES: Final = ""
"""The dtypes are fixed."""


def report(arguments: argparse.Namespace, dtypes: list[str]) -> int:
    """Print a line for each kind of work; return 0."""
    if dtypes:
        raise NumleanError("bench device measures float32 and ieee32exec; omit --dtypes")
    (size,) = arguments.size or (device.SIZE,)
    if size < 1:
        raise NumleanError(f"--size: a matrix needs at least one row, got {size}")
    print("\n".join(align_rows((doctor.machine() | doctor.gpu()).items())))
    columns = (*device.DEVICES, device.TORCH)
    row_format = RowFormat("<>", (40, *[12] * (len(columns) + 2)))
    print(row_format.line(("a second", *columns, "x cpu", "of torch")))
    for row in device.rows(size, arguments.rounds):
        speeds = [row.speeds.get(column) for column in columns]
        cpu, gpu, torch = speeds
        ratios = [gpu / other if gpu and other else None for other in (cpu, torch)]
        cells = ("" if x is None else f"{x:.4g}" for x in (*speeds, *ratios))
        print(row_format.line((f"{row.what}, {row.unit}", *cells)), flush=True)
    return 0
