"""Attack the program with hostile files, command lines and machines.

Each attack tries many cases that a seed determines, and prints how many it tried and how many
failed, with the first failures. Exit status 1 if a case failed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from numlean.cli import exit_status
from numlean.cli.progress import progress
from numlean.cli.signals import handle_start_and_end
from numlean.errors import NumleanError
from numlean.names import did_you_mean
from numlean.text_table import RowFormat
from numlean.verification.attacks import ATTACKS, Attack, Program, Setting, Tally

_BY_NAME = {attack.name: attack for attack in ATTACKS}
_WIDTH = max((len(name) for name in _BY_NAME), default=0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    summaries = ", ".join(f"{attack.name} ({attack.summary})" for attack in ATTACKS)
    parser.add_argument(
        "names", nargs="*", metavar="ATTACK", help=f"attacks to run (default: all): {summaries}"
    )
    parser.add_argument(
        "--count",
        type=int,
        metavar="N",
        help="number of cases of each attack (default: the attack's own)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="seed of the cases (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Attack, and print a line for each attack."""
    if arguments.count is not None and arguments.count < 1:
        raise NumleanError(f"--count must be at least 1, got {arguments.count}")
    attacks = [_attack(name) for name in arguments.names] or list(ATTACKS)
    row_format = RowFormat("<>", (_WIDTH, 10, 8))
    print(row_format.heading(("attack", "tried", "failed")))
    all_failed = 0
    for attack in attacks:
        found = _run(attack, arguments.count or attack.count, arguments.seed)
        print(row_format.line((attack.name, f"{found.tried:,}", f"{found.failed:,}")), flush=True)
        for outcome in found.shown:
            print(f"  {outcome.case}: {outcome.failure}")
        all_failed += found.failed
    return exit_status.DIFFERENCE if all_failed else 0


def _attack(name: str) -> Attack:
    if name not in _BY_NAME:
        known, near = ", ".join(_BY_NAME), did_you_mean(name, tuple(_BY_NAME))
        raise NumleanError(f"unknown attack {name!r}; known: {known}{near}")
    return _BY_NAME[name]


def _run(attack: Attack, count: int, seed: int) -> Tally:
    found = Tally()
    with TemporaryDirectory() as folder, progress(attack.name, count) as advance:
        for outcome in attack.run(Setting(_program(), Path(folder), count, seed)):
            found = found.add(outcome)
            advance(f"{found.failed} failed")
    return found


def _program() -> Program:
    from numlean.cli.main import COMMANDS, build_parser, main  # main imports this module's package

    return Program(main, build_parser, tuple(COMMANDS), handle_start_and_end)
