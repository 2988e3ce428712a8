"""Compare emulated arithmetic with independent references. Exit status 1 on a difference."""

from __future__ import annotations

import argparse

from numlean.cli.options.threads import add_threads_option
from numlean.cli.verify import (
    arithmetic,
    attacks,
    certificates,
    checkpoints,
    elementary,
    matrix_unit,
    policies,
    scalars,
    stochastic,
)

SUBJECTS = {
    "arithmetic": (arithmetic, "operations, bit for bit"),
    "elementary": (elementary, "elementary functions, bit for bit"),
    "attacks": (attacks, "hostile files, command lines and machines"),
    "certificates": (certificates, "certificates, replayed in other environments"),
    "checkpoints": (checkpoints, "altered checkpoints and killed runs"),
    "matrix-unit": (matrix_unit, "matrix units, with exact rationals and recorded results"),
    "policies": (policies, "runs by policies, in every way"),
    "scalars": (scalars, "every format, rounding and option, by the conformance suite"),
    "stochastic": (stochastic, "how often stochastic rounding rounds up"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a subcommand for each subject."""
    subjects = parser.add_subparsers(metavar="SUBJECT", required=True)
    for name, (module, summary) in SUBJECTS.items():
        subject = subjects.add_parser(name, help=summary, description=module.__doc__)
        module.add_arguments(subject)
        add_threads_option(subject)
        subject.set_defaults(verify=module.run, command=f"verify {name}")


def run(arguments: argparse.Namespace) -> int:
    """Verify the chosen subject."""
    status: int = arguments.verify(arguments)
    return status
