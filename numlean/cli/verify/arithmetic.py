"""Compare operations with somebody else's, bit for bit.

References: ``hardware``, the processor's binary32 and binary64; ``double``, narrow formats by way
of binary64; ``mpfr``, through gmpy2; ``softfloat``, Berkeley's, through the package of that name;
``rationals``, exact ones, for formats of at most 12 bits, every operation. Operands are structured
and random, the same for the same seed, or all there are. Exit status 1 on a mismatch.
"""

from __future__ import annotations

import argparse
import time

from numlean.cli.progress import progress
from numlean.cli.verify.block import as_block
from numlean.errors import NumleanError

_LEVELS = {"1": "level 1", "2": "level 2", "all": "all"}
_MOST = 1e15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "--dtype",
        default="ieee32exec",
        metavar="DTYPE",
        help="an emulated dtype, options included (default: %(default)s)",
    )
    parser.add_argument(
        "--against",
        default="hardware",
        metavar="REFERENCE",
        help="hardware, double, mpfr, softfloat or rationals (default: %(default)s)",
    )
    parser.add_argument(
        "--operation", metavar="NAME", action="append", help="only this (repeatable)"
    )
    parser.add_argument(
        "--level",
        choices=list(_LEVELS),
        default="2",
        help="operands: all combinations of the simplest (1), random ones (2), or all (all)",
    )
    parser.add_argument(
        "--count",
        type=float,
        metavar="N",
        help="cases an operation (default: 1e7 of level 2, else all)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="names the operands")
    parser.add_argument(
        "--jobs", type=int, metavar="J", help="processes (default: one a processor)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Verify and print a line an operation."""
    # References are imported only here: the command line starts without them.
    from numlean.verification.batches import available_jobs
    from numlean.verification.comparison import Comparison, verify

    level = _LEVELS[arguments.level]
    count = arguments.count
    if count is None:
        count = 1e7 if level == "level 2" else _MOST
    jobs = available_jobs() if arguments.jobs is None else arguments.jobs
    for name, value, least in (("count", count, 1), ("seed", arguments.seed, 0), ("jobs", jobs, 1)):
        if not least <= value <= _MOST:
            raise NumleanError(f"--{name} makes no sense: {value}")
    comparison = Comparison(arguments.dtype, arguments.against, level, arguments.seed)
    _, reference = comparison.judged()
    print(f"{arguments.dtype} against {arguments.against}, operands: {level}", flush=True)
    operations = arguments.operation or list(reference.operations)
    width, status = max(map(len, operations)), 0
    for operation in operations:
        started = time.perf_counter()
        batches = comparison.batches(reference.operations.get(operation, 1), int(count))
        with progress(f"{operation} against {arguments.against}", batches) as advance:
            outcome = verify(
                comparison,
                operation,
                int(count),
                jobs=jobs,
                on_batch=lambda cases: advance(f"{cases:,} cases"),
            )
        seconds = time.perf_counter() - started
        print(
            f"{operation:<{width}} {outcome.cases:>14,} cases  {outcome.mismatches:>7,} mismatches"
            f"  {seconds:7.1f} s",
            flush=True,
        )
        if outcome.first is not None:
            title = f"{comparison.format().name} {operation}: differs from {arguments.against}"
            print(as_block(title, comparison.format(), outcome.first))
            status = 1
    return status
