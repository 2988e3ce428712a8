"""Options that describe a user's own table."""

from __future__ import annotations

import argparse

from numlean.data.csv_file import HEADERS
from numlean.data.targets import KINDS
from numlean.errors import NumleanError
from numlean.tasks.sources import parse_share
from numlean.tasks.table import ACTIVATIONS, STANDARDISE
from numlean.tasks.train_options import parse_widths


def add_table_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for a table in place of a task, and the model trained on it."""
    group = parser.add_argument_group("your own table (instead of TASK)")
    group.add_argument("--data", metavar="FILE", help="table to train on: .csv, .tsv, .txt or .npz")
    group.add_argument("--target", metavar="COLUMN|KEY", help="column (or .npz key) to predict")
    group.add_argument(
        "--input",
        metavar="KEY",
        help=".npz key of the inputs (default: the only other key, or x)",
    )
    group.add_argument(
        "--kind",
        choices=KINDS,
        help="kind of task (default: classification if the target is text or has few distinct"
        " integers)",
    )
    group.add_argument(
        "--categorical",
        metavar="COLUMN",
        action="append",
        help="column to encode one-hot (repeatable)",
    )
    group.add_argument(
        "--drop", metavar="COLUMN", action="append", help="column to ignore (repeatable)"
    )
    group.add_argument(
        "--header",
        choices=HEADERS,
        help="whether the first row contains column names (default: auto, yes if none of its cells"
        " is a number)",
    )
    group.add_argument(
        "--test-share",
        type=_share,
        metavar="X",
        help="fraction of rows held out for testing (default: 0.2)",
    )
    group.add_argument(
        "--split-seed", type=int, metavar="S", help="seed of the train/test split (default: 0)"
    )
    group.add_argument(
        "--standardise",
        choices=STANDARDISE,
        help="standardise inputs in binary64 before the run (before, the default), in the dtype"
        " (scalar), or not at all (none)",
    )
    group.add_argument(
        "--hidden",
        type=_widths,
        metavar="N,M,...",
        help="widths of the hidden layers, or none (default: 32,16)",
    )
    group.add_argument(
        "--activation",
        metavar="NAME",
        help=f"activation function: {', '.join(ACTIVATIONS)} (default: {ACTIVATIONS[0]})",
    )


def _share(text: str) -> str:
    """Check a fraction, and keep its text, which a recipe contains."""
    try:
        parse_share(text)
    except NumleanError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _widths(text: str) -> str:
    """Check widths, and keep their text."""
    try:
        parse_widths(text)
    except NumleanError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text
