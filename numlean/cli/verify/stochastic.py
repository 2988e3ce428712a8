"""Round a few results many times, and compare how often they went up with how often they should.

Exit status 1 if a share is off by more than five standard errors and a unit of the random bits'
resolution, or a result is no neighbour of the exact one.
"""

from __future__ import annotations

import argparse
import time

from numlean.cli.progress import progress
from numlean.errors import NumleanError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "--dtype",
        default="ieee32exec@round=stochastic",
        metavar="DTYPE",
        help="one that rounds stochastically (default: %(default)s)",
    )
    parser.add_argument(
        "--count", type=float, default=1e7, metavar="N", help="samples a case (default: 1e7)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Verify and print a line a case."""
    from numlean.verification.bias import BATCH, CASES, bias

    if not 1 <= arguments.count <= 1e12:
        raise NumleanError(f"--count makes no sense: {arguments.count}")
    count, status = int(arguments.count), 0
    print(f"{arguments.dtype}: {count:,} samples a case; off, in standard errors of the share")
    print(f"  {'':<31} {'should go up':>13} {'went up':>13} {'off':>7}")
    for case in CASES:
        started = time.perf_counter()
        with progress(str(case), -(-count // BATCH)) as advance:
            found = bias(arguments.dtype, case, count, on_batch=lambda n: advance(f"{n:,} samples"))
        seconds = time.perf_counter() - started
        print(
            f"  {case!s:<31} {found.probability:13.9f} {found.share:13.9f} {found.deviation:7.2f}"
            f"  {'' if found.is_unbiased else 'BIASED '} {seconds:5.1f} s",
            flush=True,
        )
        status |= not found.is_unbiased
    return int(status)
