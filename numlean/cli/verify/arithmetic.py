"""Compare operations with an independent reference, bit for bit.

References: hardware, the processor's binary32 and binary64; double, binary64 rounded to narrow
formats; mpfr, through gmpy2; softfloat, Berkeley's, through the package of that name; rationals,
exact rationals, for all operations of formats of at most 12 bits. Operands are structured and
random, the same ones for the same seed, or exhaustive. Exit status 1 on a mismatch.
"""

from __future__ import annotations

import argparse
import time

from numlean.analysis.report.encoding_block import mismatch_block
from numlean.cli.options.executors import add_executor_options, check_jobs, chosen_executor
from numlean.cli.progress import progress
from numlean.errors import NumleanError
from numlean.executors.executor import Executor
from numlean.text_table import RowFormat
from numlean.verification.comparison import ArithmeticCheck, verify

_LEVELS = {"1": "level 1", "2": "level 2", "all": "all"}
_MOST = 1e15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--dtype",
        default="ieee32exec",
        metavar="DTYPE",
        help="emulated dtype, with options (default: %(default)s)",
    )
    parser.add_argument(
        "--against",
        default="hardware",
        metavar="REFERENCE",
        help="reference: hardware, double, mpfr, softfloat or rationals (default: %(default)s)",
    )
    parser.add_argument(
        "--operation",
        metavar="NAME",
        action="append",
        help="operation to verify (repeatable; default: all)",
    )
    parser.add_argument(
        "--level",
        choices=list(_LEVELS),
        default="2",
        help="test operands: 1 = corner cases, 2 = random, all = exhaustive (default: %(default)s)",
    )
    parser.add_argument(
        "--count",
        type=float,
        metavar="N",
        help="cases per operation (default: 1e7 for level 2, else all)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="seed of the operands (default: %(default)s)",
    )
    add_executor_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Verify and print a line for each operation."""
    level = _LEVELS[arguments.level]
    count = arguments.count
    if count is None:
        count = 1e7 if level == "level 2" else _MOST
    check_jobs(arguments)
    limits = (
        ("count", count, 1, _MOST),
        ("seed", arguments.seed, 0, _MOST),
    )
    for name, value, least, most in limits:
        if not least <= value <= most:
            raise NumleanError(f"--{name} must be between {least} and {most:g}, got {value:g}")
    comparison = ArithmeticCheck(arguments.dtype, arguments.against, level, arguments.seed)
    _, reference = comparison.scalar_and_reference()
    print(f"{arguments.dtype} against {arguments.against}, operands: {level}", flush=True)
    operations = arguments.operation or list(reference.operations)
    row_format = RowFormat("<>", (max(map(len, operations)), 20, 18, 9))
    status = 0
    with chosen_executor(arguments) as executor:
        for operation in operations:
            status |= _verify(comparison, operation, int(count), executor, row_format)
    return status


def _verify(
    comparison: ArithmeticCheck,
    operation: str,
    count: int,
    executor: Executor,
    row_format: RowFormat,
) -> int:
    """Verify an operation and print its line; return 1 for a mismatch."""
    started, against = time.perf_counter(), comparison.reference
    _, reference = comparison.scalar_and_reference()
    batches = comparison.batches(reference.operations.get(operation, 1), count)
    with progress(f"{operation} against {against}", batches) as advance:
        outcome = verify(
            comparison,
            operation,
            count,
            executor=executor,
            on_batch=lambda cases: advance(f"{cases:,} cases"),
        )
    seconds = time.perf_counter() - started
    mismatches = f"{outcome.mismatches:,} mismatches"
    cells = (operation, f"{outcome.cases:,} cases", mismatches, f"{seconds:.1f} s")
    print(row_format.line(cells), flush=True)
    if outcome.first is None:
        return 0
    title = f"{comparison.format().name} {operation}: differs from {against}"
    print(mismatch_block(title, comparison.format(), outcome.first))
    return 1
