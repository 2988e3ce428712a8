"""The options that name a user's own table, and the task that becomes of it."""

from __future__ import annotations

import argparse
from fractions import Fraction
from typing import Any, Final

from numlean.errors import NumleanError
from numlean.tasks import NamedTask

_READING: Final = ("target", "input", "kind", "categorical", "drop", "header")
_SETTINGS: Final = ("test_share", "split_seed", "standardise", "hidden", "activation")


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """A table instead of a task, and what becomes of it."""
    group = parser.add_argument_group("your own table, instead of TASK")
    group.add_argument("--data", metavar="FILE", help="a .csv, .tsv, .txt or .npz file")
    group.add_argument("--target", metavar="COLUMN|KEY", help="what is to be predicted")
    group.add_argument(
        "--input", metavar="KEY", help="of .npz, the inputs (default: the only other key, or x)"
    )
    group.add_argument(
        "--kind",
        choices=("regression", "classification"),
        help="by default classification if the target is text or few whole numbers",
    )
    group.add_argument(
        "--categorical", metavar="COLUMN", action="append", help="one-hot (repeatable)"
    )
    group.add_argument("--drop", metavar="COLUMN", action="append", help="left out (repeatable)")
    group.add_argument(
        "--header",
        choices=("auto", "yes", "no"),
        help="whether the first row names the columns (auto: if no cell of it is a number)",
    )
    group.add_argument(
        "--test-share", type=_share, metavar="X", help="part of the rows that is a test (0.2)"
    )
    group.add_argument("--split-seed", type=int, metavar="S", help="names who is in the test (0)")
    group.add_argument(
        "--standardise",
        choices=("before", "scalar", "none"),
        help="in binary64 before the run (default), by the dtype's own operations, or not at all",
    )
    group.add_argument(
        "--hidden", type=_widths, metavar="N,M,...", help="hidden layers (32,16), or none"
    )
    group.add_argument(
        "--activation", metavar="NAME", help="tanh (default), relu, gelu, silu, sigmoid, softplus"
    )


def data_task_of(arguments: argparse.Namespace) -> NamedTask | None:
    """The task of the table that is named, if one is.

    Raises:
        NumleanError: Options do not go together, or the table is not as they say.
    """
    if arguments.data is None:
        for option in _given(arguments, (*_READING, *_SETTINGS)):
            raise NumleanError(f"--{option.replace('_', '-')} belongs to --data FILE")
        return None
    if arguments.target is None:
        raise NumleanError("--data FILE also takes --target COLUMN (or KEY): what to predict")
    # scikit-learn and the layers are not needed to print a help text.
    from numlean.data.tables import read_table
    from numlean.tasks.table import TableSettings, table_task

    settings = _given(arguments, _SETTINGS)
    if "test_share" in settings:
        settings["test_share"] = Fraction(settings["test_share"])
    if "hidden" in settings:
        settings["hidden"] = _widths_of(settings["hidden"])
    reading = _given(arguments, _READING)
    if "input" in reading:
        reading["key"] = reading.pop("input")
    return table_task(read_table(arguments.data, **reading), TableSettings(**settings))


def _given(arguments: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


# The values of options stay text, so that a checkpoint can tell them.


def _share(text: str) -> str:
    try:
        Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"a share is a number such as 0.2: {text!r}") from None
    return text


def _widths(text: str) -> str:
    parts = text.split(",")
    if text != "none" and not all(p.strip().isdecimal() and int(p) > 0 for p in parts):
        raise argparse.ArgumentTypeError(f"widths are positive, such as 32,16, or none: {text!r}")
    return text


def _widths_of(text: str) -> tuple[int, ...]:
    return () if text == "none" else tuple(map(int, text.split(",")))
