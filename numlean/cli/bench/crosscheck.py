"""What it costs to run two trainings in lockstep."""

from __future__ import annotations

import argparse
from typing import Final

from numlean.errors import NumleanError

DTYPES: Final = "float32,ieee32exec"
"""The two measured unless others are asked for."""


def show(arguments: argparse.Namespace, dtypes: list[str]) -> int:
    """Print a line for each way to execute a step; return 0."""
    from numlean.benchmarks.lockstep import STEPS, WAYS, contestants
    from numlean.benchmarks.timing import best_seconds

    if len(dtypes) != 2:
        raise NumleanError(f"numlean bench crosscheck takes two dtypes, not {len(dtypes)}")
    print(f"a step of digits in {dtypes[0]} and one in {dtypes[1]}, us")
    print(f"  {'':<15} {'alone':>10} {'lockstep':>10} {'more':>8}")
    for way in WAYS:
        seconds = best_seconds(contestants(dtypes, way), arguments.rounds)
        alone, lockstep = (seconds[name] / STEPS * 1e6 for name in ("alone", "lockstep"))
        more = lockstep / alone - 1
        print(f"  {way:<15} {alone:10.1f} {lockstep:10.1f} {more:8.1%}", flush=True)
    return 0
