"""Options that describe a user's own table."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from numlean.data.csv_file import HEADERS
from numlean.data.missing import IMPUTATIONS, split_words
from numlean.data.targets import KINDS
from numlean.errors import NumleanError
from numlean.tasks.sources import parse_share
from numlean.tasks.table import ACTIVATIONS, STANDARDISE
from numlean.tasks.train_options import parse_widths


def add_table_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for a table in place of a task, and the model trained on it."""
    group = parser.add_argument_group("your own table (instead of TASK)")
    group.add_argument(
        "--data", metavar="FILE", help="table to train on: .csv, .tsv, .txt, .npz or .npy"
    )
    group.add_argument(
        "--target",
        metavar="COLUMN|KEY|FILE.npy",
        action=_Targets,
        help="column (or .npz key, or .npy file) to predict; repeatable for columns, such as"
        " one-hot ones",
    )
    group.set_defaults(more_targets=None)
    group.add_argument(
        "--test-data",
        metavar="FILE",
        help="table to test on, like --data (default: hold out a part of --data)",
    )
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
        help="column whose cells are names, not numbers: inputs are encoded one-hot, a target has"
        " a class for each text (repeatable)",
    )
    group.add_argument(
        "--drop", metavar="COLUMN", action="append", help="column to ignore (repeatable)"
    )
    group.add_argument(
        "--header",
        choices=HEADERS,
        help="whether the first row contains column names, which may be numbers (default: auto, yes"
        " if none of its cells is a number)",
    )
    _add_dialect_options(group)
    _add_missing_options(group)
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


def _add_dialect_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--delimiter",
        metavar="C",
        help="character between cells, or tab, space (one or more) or another name (default: the"
        " first of tab ; , | that splits the first row)",
    )
    group.add_argument("--decimal", metavar="C", help="decimal separator (default: .)")
    group.add_argument(
        "--thousands", metavar="C", help="separator between groups of digits (default: none)"
    )
    group.add_argument(
        "--encoding", metavar="NAME", help="encoding of a text file (default: utf-8)"
    )
    group.add_argument(
        "--comment", metavar="TEXT", help="ignore TEXT and the rest of its line (default: none)"
    )


def _add_missing_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--na-values",
        metavar="A,B,...",
        type=_words,
        action="extend",
        help="cells that are missing values, besides empty cells and, among numbers, na n/a nan"
        " null none ? (repeatable)",
    )
    group.add_argument(
        "--impute",
        metavar="HOW",
        help=f"replace missing inputs by {', '.join(IMPUTATIONS)} of the training data, or by a"
        " number (default: missing values are an error)",
    )
    group.add_argument(
        "--drop-missing", action="store_true", help="leave out rows with a missing value"
    )


class _Targets(argparse.Action):
    """Keeps the first target as ``target``, and further ones as ``more_targets``."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        if namespace.target is None:
            namespace.target = values
        else:
            namespace.more_targets = [*(namespace.more_targets or ()), values]


def _words(text: str) -> list[str]:
    try:
        return split_words(text)
    except NumleanError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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
