"""The option that says how many threads compute the operations of a command."""

from __future__ import annotations

import argparse
from typing import Final

_USUAL: Final = "the environment variable NUMLEAN_NUM_THREADS, or else the number of processors"


def add_threads_option(parser: argparse._ActionsContainer, default: str = _USUAL) -> None:
    """Add the option; ``default`` says what is used if it is not given."""
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads that compute an operation on the CPU, in each process; the bits are the same"
        f" for any N (default: {default})",
    )
