"""Compare elementary functions with a certified reference, encodings and flags.

A screen in binary64 settles what is far from where rounding turns, and MPFR, through gmpy2, the
rest. The screen's error is measured against MPFR in every batch; what was measured must stay below
a quarter of what is allowed for, or nothing is certified. Exit status 1 on a mismatch, or if the
screen was found wrong. With --resume an interrupted run is taken up where it was left.
With --hard-cases the hardest operands are printed, if they are so for no obvious reason.
"""

from __future__ import annotations

import argparse
import time
from math import inf, log2
from typing import TYPE_CHECKING

from numlean.cli.progress import progress
from numlean.cli.verify.block import as_block
from numlean.errors import NumleanError

if TYPE_CHECKING:
    from numlean.verification.elementary import ElementaryComparison, Findings, Record

_MOST = 1e15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--function", metavar="NAME", action="append", help="only this (repeatable)")
    which.add_argument(
        "--all", action="store_true", help="every function that the dtype has (the default)"
    )
    parser.add_argument(
        "--dtype",
        default="ieee32exec",
        metavar="DTYPE",
        help="an emulated dtype, options included (default: %(default)s)",
    )
    parser.add_argument("--round", metavar="MODE", help="short for the dtype's option round")
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--exhaustive", action="store_true", help="at all operands")
    extent.add_argument(
        "--count", type=float, default=1e6, metavar="N", help="operands a function (default: 1e6)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="names the operands")
    parser.add_argument(
        "--jobs", type=int, metavar="J", help="processes (default: one a processor)"
    )
    parser.add_argument(
        "--resume", metavar="FILE", help="keep in it what is done, and go on from what it has"
    )
    parser.add_argument(
        "--hard-cases", action="store_true", help="also print the operands nearest to a turn"
    )


def run(arguments: argparse.Namespace) -> int:
    """Verify and print a line a function."""
    # References are imported only here: the command line starts without them.
    from numlean.verification.batches import available_jobs
    from numlean.verification.elementary import ElementaryComparison, Record

    jobs = available_jobs() if arguments.jobs is None else arguments.jobs
    count = _MOST if arguments.exhaustive else arguments.count
    for name, value, least in (("count", count, 1), ("seed", arguments.seed, 0), ("jobs", jobs, 1)):
        if not least <= value <= _MOST:
            raise NumleanError(f"--{name} makes no sense: {value}")
    dtype = _with_rounding(arguments.dtype, arguments.round)
    comparison = ElementaryComparison(dtype, arguments.exhaustive, arguments.seed)
    names = arguments.function or _offered(comparison)
    for name in names:
        comparison.function(name)
    record = Record.opened(arguments.resume, comparison.key() | {"count": int(count)})
    _print_header(comparison, names)
    width = max(map(len, names))
    status = 0
    for name in names:
        findings = _verify(comparison, name, int(count), jobs, record, width)
        status |= _shown(comparison, name, findings)
        if arguments.hard_cases:
            _show_hard_cases(findings)
    return status


def _with_rounding(dtype: str, rounding: str | None) -> str:
    if rounding is None:
        return dtype
    return f"{dtype}{',' if '@' in dtype else '@'}round={rounding}"


def _offered(comparison: ElementaryComparison) -> list[str]:
    """The functions of the dtype that can be verified at the operands asked for."""
    from numlean.verification.elementary import FUNCTIONS

    offered = [name for name in FUNCTIONS if comparison.offers(name)]
    return [name for name in offered if comparison.can_try(name)]


def _print_header(comparison: ElementaryComparison, names: list[str]) -> None:
    screen = comparison.judged()[1].screen
    quiet = [name for name in names if not comparison.supports_flags(name)]
    operands = "all operands" if comparison.exhaustive else "structured and random operands"
    print(f"{comparison.dtype} against MPFR, {operands}")
    print(f"screen: {'none, MPFR decides all' if screen is None else screen.summary}")
    nans = "bit for bit" if comparison.tells_nans() else "only that they are NaNs"
    flags = f"compared but for {', '.join(quiet)}" if quiet else "compared"
    print(
        f"NaNs: {nans}; flags: {flags if len(quiet) < len(names) else 'not compared'}", flush=True
    )


def _verify(
    comparison: ElementaryComparison, name: str, count: int, jobs: int, record: Record, width: int
) -> Findings:
    from numlean.verification.elementary import verify

    started = time.perf_counter()
    done, findings = record.of(name)
    total = comparison.batches(comparison.function(name), count)
    with progress(name, total - done) as advance:

        def on_batch(done: int, findings: Findings) -> None:
            record.keep(name, done, findings)
            advance(f"{findings.outcome.cases:,} cases")

        findings = verify(
            comparison, name, count, jobs=jobs, done=done, findings=findings, on_batch=on_batch
        )
    print(_line(comparison, name.ljust(width), findings, time.perf_counter() - started), flush=True)
    return findings


def _show_hard_cases(findings: Findings) -> None:
    for off, operands in findings.hard_cases:
        bits = " ".join(f"{a:#x}" for a in operands)
        print(f"  {bits}: off a turn by 2^{log2(off) if off else -inf:.1f} ulp")


def _line(comparison: ElementaryComparison, name: str, findings: Findings, seconds: float) -> str:
    outcome, worst = findings.outcome, "screen not measured"
    if findings.worst:
        ulp = findings.worst * 2.0 ** comparison.format().precision
        worst = f"screen off by {ulp:.1e} ulp, 2^{log2(findings.worst):.1f}"
    return (
        f"{name} {outcome.cases:>13,} cases {findings.referred:>9,} by MPFR  {worst}"
        f"  {outcome.mismatches:>7,} mismatches {seconds:8.1f} s"
    )


def _shown(comparison: ElementaryComparison, name: str, findings: Findings) -> int:
    """Show what is wrong; the exit status."""
    format = comparison.format()
    if findings.outcome.first is not None:
        title = f"{format.name} {name}: differs from MPFR"
        print(as_block(title, format, findings.outcome.first))
    if findings.unsound is not None:
        operands = ", ".join(f"{bits:#x}" for bits in findings.unsound)
        print(f"{format.name} {name}: the screen is wrong at {operands}; nothing is certified")
    return int(findings.outcome.first is not None or findings.unsound is not None)
