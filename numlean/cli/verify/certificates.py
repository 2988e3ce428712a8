"""Replay certificates in other environments, each in a process of its own.

Kernels are compiled for this processor, by its features and by its name, and for any of its kind,
on one thread and on two, and numpy is kept from its vector loops; in each of these, every dtype
runs eagerly and compiled, with plain and with fast kernels. Exit status 1 if a certificate does not
hold somewhere.
"""

from __future__ import annotations

import argparse
from itertools import chain
from typing import TYPE_CHECKING

from numlean.cli.progress import progress
from numlean.scalar.dtype import split_dtype_list

if TYPE_CHECKING:
    from numlean.verification.certificates import Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="certificates")
    parser.add_argument(
        "--dtypes", default="ieee32exec,float32", metavar="A,B,...", help="(default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Replay and print a table."""
    from numlean.verification.certificates import environments, outcomes, ways

    dtypes, count, status = split_dtype_list(arguments.dtypes), len(arguments.files), 0
    print(f"{count} certificates, each in {len(environments())} environments")
    with progress("replays", len(environments()) * len(ways(dtypes))) as advance:
        for outcome in outcomes(arguments.files, dtypes):
            advance(outcome.environment)
            print("\n".join(chain([_row(outcome, count)], _failures(outcome))), flush=True)
            status |= outcome.identical != count
    print("every certificate holds everywhere" if not status else "there are differences")
    return status


def _row(outcome: Outcome, count: int) -> str:
    way = " ".join(word.removeprefix("--") for word in outcome.way if word[2:] not in _LABELS)
    steps = sum(verdict["identical_steps"] for verdict in outcome.verdicts)
    of = sum(verdict["steps"] for verdict in outcome.verdicts)
    held = f"{outcome.identical} of {count} hold"
    return f"  {outcome.environment:<32} {way:<40} {held:<16} {steps} of {of} steps"


_LABELS = ("dtype", "backend")


def _failures(outcome: Outcome) -> list[str]:
    failed = [f"    {each}" for each in outcome.verdicts if not each["identical"]]
    return [*failed, *(f"    {line}" for line in outcome.message.splitlines())]
