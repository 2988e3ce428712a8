"""Round a few results many times, and compare how often they are rounded up with the probability.

Exit status 1 if a frequency is off by more than five standard errors and one unit of the random
bits' resolution, or if a result is not a neighbour of the exact value.
"""

from __future__ import annotations

import argparse
import time

from numlean.cli.progress import progress
from numlean.errors import NumleanError
from numlean.text_table import RowFormat
from numlean.verification.bias import BATCH, CASES, bias


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--dtype",
        default="ieee32exec@round=stochastic",
        metavar="DTYPE",
        help="dtype with stochastic rounding (default: %(default)s)",
    )
    parser.add_argument(
        "--count", type=float, default=1e7, metavar="N", help="samples per case (default: 1e7)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Verify and print a line for each case."""
    if not 1 <= arguments.count <= 1e12:
        raise NumleanError(f"--count must be between 1 and 1e12, got {arguments.count:g}")
    count, status = int(arguments.count), 0
    print(f"{arguments.dtype}: {count:,} samples per case; off: in standard errors")
    row_format = RowFormat("<>>><>", (31, 13, 13, 7, 6, 7), indent="  ")
    print(row_format.heading(("", "probability up", "went up", "off", "", "")))
    for case in CASES:
        started = time.perf_counter()
        with progress(str(case), -(-count // BATCH)) as advance:
            found = bias(arguments.dtype, case, count, on_batch=lambda n: advance(f"{n:,} samples"))
        seconds = time.perf_counter() - started
        cells = (
            *(str(case), f"{found.probability:.9f}", f"{found.share:.9f}"),
            *(f"{found.deviation:.2f}", "" if found.is_unbiased else "BIASED", f"{seconds:.1f} s"),
        )
        print(row_format.line(cells), flush=True)
        status |= not found.is_unbiased
    return int(status)
