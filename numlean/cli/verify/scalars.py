"""Run the conformance suite on every format in every rounding, with each option.

The suite is numlean.testing.check_scalar, which checks the promises of the Scalar protocol, most of
them against exact rationals. A correct Scalar breaks none, so a broken promise is an error of the
Scalar or of the suite. By default, each rounding is combined with each value of one other option;
--all combines all of them. Exit status 1 if a promise is broken.
"""

from __future__ import annotations

import argparse
import time

from numlean.cli import exit_status
from numlean.cli.progress import progress
from numlean.text_table import RowFormat
from numlean.verification.scalars import Conformance, base_dtypes, conformance, variants


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--dtype",
        metavar="DTYPE",
        action="append",
        help="format to check; with options, only these (repeatable; default: every format)",
    )
    parser.add_argument(
        "--device",
        metavar="DEVICE",
        help="device to run on (default: python, where nothing is compiled, or the dtype's)",
    )
    parser.add_argument(
        "--all", action="store_true", help="check every combination of all options (slower)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Check and print a line for each format."""
    row_format = RowFormat("<>>>>>", (12, 14, 18, 13, 12, 9))
    broken = 0
    for base in arguments.dtype or base_dtypes():
        started, dtypes = time.perf_counter(), list(variants(base, every=arguments.all))
        found: list[Conformance] = []
        with progress(base, len(dtypes)) as advance:
            for one in conformance(dtypes, arguments.device):
                found.append(one)
                advance(one.dtype)
        reports = [one.report for one in found if one.report is not None]
        failures = sum(len(report.failures) for report in reports)
        kept = sum(len(report.passed) for report in reports)
        refused = len(found) - len(reports)
        counts = (
            *(_dtypes(len(reports)), f"{kept:,} promises kept", f"{failures} broken"),
            *(f"{refused} refused", f"{time.perf_counter() - started:.1f} s"),
        )
        print(row_format.line((base, *counts)), flush=True)
        for report in reports:
            if report.failures:
                print(report)
        if not reports:
            print(f"  {found[0].refusal}")
        broken += failures
    return exit_status.DIFFERENCE if broken else 0


def _dtypes(count: int) -> str:
    return f"{count} dtype{'' if count == 1 else 's'}"
