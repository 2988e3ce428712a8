"""Compare emulated arithmetic with somebody else's. Exit status 1 on a difference."""

from __future__ import annotations

import argparse

from numlean.cli.verify import arithmetic, certificates, checkpoints, elementary, stochastic

_SUBJECTS = {
    "arithmetic": (arithmetic, "operations, bit for bit"),
    "elementary": (elementary, "elementary functions, bit for bit"),
    "certificates": (certificates, "runs made again in other environments"),
    "checkpoints": (checkpoints, "changed files and killed runs"),
    "stochastic": (stochastic, "how often stochastic rounding goes up"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    subjects = parser.add_subparsers(metavar="SUBJECT", required=True)
    for name, (module, summary) in _SUBJECTS.items():
        subject = subjects.add_parser(name, help=summary, description=module.__doc__)
        module.add_arguments(subject)
        subject.set_defaults(verify=module.run)


def run(arguments: argparse.Namespace) -> int:
    """Verify the subject asked for."""
    status: int = arguments.verify(arguments)
    return status
