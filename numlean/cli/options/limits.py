"""The option that raises the limit for files and for arrays made of them."""

from __future__ import annotations

import argparse

from numlean.data.size_limit import DEFAULT_MAX_SIZE, parse_size
from numlean.display_text import format_size
from numlean.errors import NumleanError


def add_limit_option(parser: argparse._ActionsContainer) -> None:
    """Add the option to a command that reads files; ``main`` applies it."""
    parser.add_argument(
        "--max-size",
        type=_size,
        metavar="SIZE",
        help="refuse files, and arrays and models made of them, that are larger, such as 8GB"
        f" (default: {format_size(DEFAULT_MAX_SIZE)})",
    )


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except NumleanError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
