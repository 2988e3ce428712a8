"""Compare elementary functions with a certified reference: encodings and flags.

A filter in binary64 decides results that are far from a rounding boundary, and MPFR, through gmpy2,
all others. Every batch measures the filter's error against MPFR; it must stay below a quarter of
its error bound, or nothing is certified. Exit status 1 on a mismatch, or if the filter is wrong.
--resume continues an interrupted run. --hard-cases prints the operands whose results are closest to
a rounding boundary without an obvious reason.
"""

from __future__ import annotations

import argparse
import time
from math import inf, log2

from numlean.analysis.report.encoding_block import mismatch_block
from numlean.cli.failed_outputs import FailedOutputs
from numlean.cli.options.executors import add_executor_options, check_jobs, chosen_executor
from numlean.cli.options.limits import add_limit_option
from numlean.cli.progress import progress
from numlean.errors import NumleanError
from numlean.executors.executor import Executor
from numlean.text_table import RowFormat
from numlean.verification.elementary import (
    FUNCTIONS,
    ElementaryComparison,
    Findings,
    Record,
    verify,
)

_MOST = 1e15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--function", metavar="NAME", action="append", help="function to verify (repeatable)"
    )
    which.add_argument(
        "--all", action="store_true", help="verify every function of the dtype (the default)"
    )
    parser.add_argument(
        "--dtype",
        default="ieee32exec",
        metavar="DTYPE",
        help="dtype with encodings, and options (default: %(default)s)",
    )
    parser.add_argument(
        "--round", metavar="MODE", help="rounding mode; short for the dtype's option round"
    )
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--exhaustive", action="store_true", help="use all operands")
    extent.add_argument(
        "--count", type=float, default=1e6, metavar="N", help="operands per function (default: 1e6)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="seed of the operands (default: %(default)s)",
    )
    add_executor_options(parser)
    parser.add_argument(
        "--resume", metavar="FILE", help="continue the run in FILE, and save progress in it"
    )
    parser.add_argument(
        "--hard-cases",
        action="store_true",
        help="also print the operands closest to a rounding boundary",
    )
    add_limit_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Verify and print a line for each function."""
    check_jobs(arguments)
    count = _MOST if arguments.exhaustive else arguments.count
    limits = (
        ("count", count, 1, _MOST),
        ("seed", arguments.seed, 0, _MOST),
    )
    for name, value, least, most in limits:
        if not least <= value <= most:
            raise NumleanError(f"--{name} must be between {least} and {most:g}, got {value:g}")
    dtype = _with_rounding(arguments.dtype, arguments.round)
    comparison = ElementaryComparison(dtype, arguments.exhaustive, arguments.seed)
    names = arguments.function or _offered(comparison)
    for name in names:
        comparison.function(name)
    record = Record.open(arguments.resume, comparison.key() | {"count": int(count)})
    failed = FailedOutputs()
    _print_header(comparison, names)
    row_format = RowFormat("<>><>", (max(map(len, names)), 19, 17, 32, 18, 10))
    status = 0
    with chosen_executor(arguments) as executor:
        for name in names:
            started = time.perf_counter()
            findings = _verify(comparison, name, int(count), executor, record, failed)
            seconds = time.perf_counter() - started
            print(row_format.line(_cells(comparison, name, findings, seconds)), flush=True)
            status |= _show_failures(comparison, name, findings)
            if arguments.hard_cases:
                _show_hard_cases(findings)
    return failed.exit_status(status)


def _with_rounding(dtype: str, rounding: str | None) -> str:
    if rounding is None:
        return dtype
    return f"{dtype}{',' if '@' in dtype else '@'}round={rounding}"


def _offered(comparison: ElementaryComparison) -> list[str]:
    """Return the functions of the dtype that can be verified at these operands."""
    offered = [name for name in FUNCTIONS if comparison.offers(name)]
    return [name for name in offered if comparison.can_try(name)]


def _print_header(comparison: ElementaryComparison, names: list[str]) -> None:
    source = comparison.scalar_and_reference()[1].filter
    quiet = [name for name in names if not comparison.supports_flags(name)]
    operands = "all operands" if comparison.exhaustive else "structured and random operands"
    print(f"{comparison.dtype} against MPFR, {operands}")
    print(f"filter: {'none, MPFR decides all' if source is None else source.summary}")
    flags = f"compared except for {', '.join(quiet)}" if quiet else "compared"
    print(f"flags: {flags if len(quiet) < len(names) else 'not compared'}", flush=True)


def _verify(
    comparison: ElementaryComparison,
    name: str,
    count: int,
    executor: Executor,
    record: Record,
    failed: FailedOutputs,
) -> Findings:
    done, findings = record.of(name)
    total = comparison.batches(comparison.function(name), count)
    with progress(name, total - done) as advance:

        def on_batch(done: int, findings: Findings) -> None:
            with failed.tolerate("the record", record.path or ""):
                record.keep(name, done, findings)
            advance(f"{findings.outcome.cases:,} cases")

        return verify(
            comparison,
            name,
            count,
            executor=executor,
            done=done,
            findings=findings,
            on_batch=on_batch,
        )


def _show_hard_cases(findings: Findings) -> None:
    for off, operands in findings.hard_cases:
        bits = " ".join(f"{a:#x}" for a in operands)
        distance = log2(off) if off else -inf
        print(f"  {bits}: 2^{distance:.1f} ulp from a rounding boundary")


def _cells(
    comparison: ElementaryComparison, name: str, findings: Findings, seconds: float
) -> tuple[str, ...]:
    outcome, worst = findings.outcome, "filter not measured"
    if findings.worst:
        ulp = findings.worst * 2.0 ** comparison.format().precision
        worst = f"filter off by {ulp:.1e} ulp, 2^{log2(findings.worst):.1f}"
    return (
        name,
        f"{outcome.cases:,} cases",
        f"{findings.referred:,} by MPFR",
        worst,
        f"{outcome.mismatches:,} mismatches",
        f"{seconds:.1f} s",
    )


def _show_failures(comparison: ElementaryComparison, name: str, findings: Findings) -> int:
    """Print the mismatches; return the exit status."""
    format = comparison.format()
    if findings.outcome.first is not None:
        title = f"{format.name} {name}: differs from MPFR"
        print(mismatch_block(title, format, findings.outcome.first))
    if findings.unsound is not None:
        operands = ", ".join(f"{bits:#x}" for bits in findings.unsound)
        print(f"{format.name} {name}: the filter is wrong at {operands}; nothing is certified")
    return int(findings.outcome.first is not None or findings.unsound is not None)
