"""The CPU beside a GPU, and beside PyTorch on it."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.errors import NumleanError

DTYPES: Final = ""
"""The dtypes are fixed."""


def show(arguments: argparse.Namespace, dtypes: list[str]) -> int:
    """Print a line for each kind of work; return 0."""
    from numlean.benchmarks import device
    from numlean.verification import doctor

    if dtypes:
        raise NumleanError("bench device measures float32 and ieee32exec; it takes no --dtypes")
    (size,) = arguments.size or (device.SIZE,)
    if size < 1:
        raise NumleanError(f"a matrix has at least one row: {size}")
    for name, fact in (doctor.machine() | doctor.gpu()).items():
        print(f"{name}: {fact}")
    columns = (*device.DEVICES, device.TORCH)
    heads = " ".join(f"{column:>12}" for column in (*columns, "x cpu", "of torch"))
    print(f"{'a second':<40} {heads}")
    for row in device.rows(size, arguments.rounds):
        speeds = [row.speeds.get(column) for column in columns]
        cpu, gpu, torch = speeds
        ratios = [gpu / other if gpu and other else None for other in (cpu, torch)]
        cells = " ".join(f"{'' if x is None else f'{x:.4g}':>12}" for x in (*speeds, *ratios))
        print(f"{f'{row.what}, {row.unit}':<40} {cells}".rstrip(), flush=True)
    return 0
