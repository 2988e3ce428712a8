"""Replay certificates in other environments, each in its own process.

The environments are: kernels compiled for this processor by its features, by its name, and for a
generic one, with one thread and with two; and numpy without vector loops. In each, every dtype runs
with each engine, with plain and with fast kernels. Exit status 1 if a replay differs.
"""

from __future__ import annotations

import argparse
from itertools import chain

from numlean.analysis.lockstep import RunSpec
from numlean.cli.options import add_file_options, add_trust_option, given_files
from numlean.cli.options.executors import add_scheduler_option, executor_at
from numlean.cli.options.limits import add_limit_option
from numlean.cli.progress import progress
from numlean.scalar.dtype import split_dtype_list
from numlean.tasks.sources import option_of
from numlean.text_table import RowFormat
from numlean.verification.certificates import ReplayOutcome, environments, outcomes, ways


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="certificate to replay")
    parser.add_argument(
        "--dtypes",
        default="ieee32exec,float32",
        metavar="A,B,...",
        help="dtypes to replay in, or policies as policy:POLICY (default: %(default)s)",
    )
    add_scheduler_option(parser, "replay")
    add_file_options(parser)
    add_trust_option(parser, "a certificate")
    add_limit_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Replay and print a table."""
    dtypes, count, status = split_dtype_list(arguments.dtypes), len(arguments.files), 0
    for each in dtypes:
        RunSpec.parse(each)  # raises an error before the first of many replays
    print(f"{count} certificates, each in {len(environments())} environments")
    with (
        executor_at(arguments.scheduler) as executor,
        progress("replays", len(environments()) * len(ways(dtypes))) as advance,
    ):
        for outcome in outcomes(arguments.files, dtypes, _passed_on(arguments), executor):
            advance(outcome.environment)
            print("\n".join(chain([_row(outcome, count)], _failures(outcome))), flush=True)
            status |= outcome.identical != count
    print("all replays are identical" if not status else "some replays differ")
    return status


def _passed_on(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the options of ``numlean replay`` that name, trust or limit files to read."""
    named = [(option_of(name), path) for name, path in given_files(arguments).items()]
    trust = ["--trust-paths"] if arguments.trust_paths else []
    limit = [] if arguments.max_size is None else ["--max-size", str(arguments.max_size)]
    return (*trust, *limit, *chain.from_iterable(named))


def _row(outcome: ReplayOutcome, count: int) -> str:
    way = " ".join(word.removeprefix("--") for word in outcome.way if word[2:] not in _LABELS)
    steps = sum(verdict["identical_steps"] for verdict in outcome.verdicts)
    of = sum(verdict["steps"] for verdict in outcome.verdicts)
    held = f"{outcome.identical} of {count} hold"
    return _ROW.line((outcome.environment, way, held, f"{steps} of {of} steps"))


_LABELS = ("dtype", "policy", "backend")
_ROW = RowFormat("<", (32, 40, 16, 16), indent="  ")


def _failures(outcome: ReplayOutcome) -> list[str]:
    failed = [f"    {each}" for each in outcome.verdicts if not each["identical"]]
    return [*failed, *(f"    {line}" for line in outcome.message.splitlines())]
