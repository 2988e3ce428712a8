"""Model and data of a run, as a recipe requests them: a task by name, or a table."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from numlean.data.array_table import is_file_of_targets
from numlean.data.csv_dialect import CsvDialect
from numlean.data.csv_file import HEADERS
from numlean.data.input_file import naming_file, shown_path
from numlean.data.missing import MissingValues
from numlean.data.tables import read_table
from numlean.data.targets import KINDS
from numlean.data.text_file import read_text
from numlean.errors import NumleanError, UnknownNameError
from numlean.tasks.named import NamedTask, get_task
from numlean.tasks.table import TableSettings, table_task
from numlean.tasks.text import check_outputs

_MAX_WIDTH: Final = 10**8
"""The maximum width of a hidden layer. Matrices of such layers exceed any memory."""

_MAX_LAYERS: Final = 1000
"""The maximum number of hidden layers."""

_FIELDS: Final = {"data": "path"}
"""The fields of a ``TableSource`` that are not called as their option."""

_LARGE_EXPONENT: Final = re.compile(r"e[-+]?[\d_]{4,}", re.IGNORECASE)
"""An exponent that takes seconds to hours to expand."""


@dataclass(frozen=True)
class TaskName:
    """A task by name.

    Attributes:
        name: One of ``task_names()``.
        text: The text file that a language model is trained on; None for the task's own text.

    Raises:
        NumleanError: The name of the file contains a null character.
    """

    name: str
    text: str | None = None

    def __post_init__(self) -> None:
        _check_path("--text", self.text)

    @property
    def paths(self) -> dict[str, str]:
        """The files that ``resolve`` opens, by the name of the option."""
        return {} if self.text is None else {"text": self.text}

    def with_paths(self, paths: Mapping[str, str]) -> TaskName:
        """Return the source with other files, by the name of the option.

        Raises:
            NumleanError: The source has no file under such a name.
        """
        _check_names(paths, self.paths)
        return replace(self, **paths)

    def resolve(self) -> NamedTask:
        """Return the task.

        Raises:
            NumleanError: The task is unknown, or cannot be trained on this text.
        """
        task = get_task(self.name)
        if self.text is None:
            return task
        if task.on_text is None:
            raise NumleanError(f"--text is only for char-rnn and char-transformer, not {task.name}")
        text = read_text(self.text)
        with naming_file(shown_path(self.text)):
            check_outputs(text)
            return task.on_text(text)


@dataclass(frozen=True)
class TableSource:
    """A user's own table, and the model trained on it; None stands for the default.

    Attributes:
        path: The file.
        target: The column or key to predict.
        more_targets: Further columns to predict.
        key: The array of inputs in a .npz file.
        kind: One of ``numlean.data.targets.KINDS``.
        categorical: Columns whose cells are compared as texts; inputs are encoded one-hot.
        drop: Columns to leave out.
        header: Whether the first row contains the names of the columns: one of
            ``numlean.data.csv_file.HEADERS``.
        test_share: The fraction of rows held out for testing, as text.
        split_seed: The seed of the train/test split.
        standardise: The way to standardise inputs; see ``numlean.tasks.table``.
        hidden: The widths of the hidden layers.
        activation: The activation function of the hidden layers.
        test_data: A file of test data, in place of a part of the rows.
        delimiter: The delimiter of cells; see ``numlean.data.csv_dialect``, also for the next four.
        decimal: The decimal separator.
        thousands: The separator between groups of digits.
        encoding: The encoding of the file.
        comment: The text that begins a comment.
        na_values: Cells that are missing values, besides the usual ones.
        impute: How missing inputs are replaced; see ``numlean.data.missing``.
        drop_missing: Whether rows with missing values are left out.

    Raises:
        NumleanError: A value is unknown or out of range.
    """

    path: str
    target: str
    key: str | None = None
    kind: str | None = None
    categorical: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    header: str | None = None
    test_share: str | None = None
    split_seed: int | None = None
    standardise: str | None = None
    hidden: tuple[int, ...] | None = None
    activation: str | None = None
    more_targets: tuple[str, ...] = ()
    test_data: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    comment: str | None = None
    na_values: tuple[str, ...] = ()
    impute: str | None = None
    drop_missing: bool = False

    def __post_init__(self) -> None:
        _check_path("--data", self.path)
        _check_path("--test-data", self.test_data)
        for target in (self.target, *self.more_targets):
            _check_path("--target", target)
        for name, value, known in (("kind", self.kind, KINDS), ("header", self.header, HEADERS)):
            if value is not None and value not in known:
                raise UnknownNameError(name, value, known)
        if len(self.hidden or ()) > _MAX_LAYERS:
            raise NumleanError(
                f"there can be at most {_MAX_LAYERS} hidden layers, got {len(self.hidden or ())}"
            )
        if not all(0 < width <= _MAX_WIDTH for width in self.hidden or ()):
            raise NumleanError(
                f"widths of hidden layers must be from 1 to {_MAX_WIDTH}, got {self.hidden!s:.80}"
            )
        for name in ("test_share", "split_seed"):
            if self.test_data is not None and getattr(self, name) is not None:
                raise NumleanError(
                    f"give either --test-data or --{name.replace('_', '-')}, not both"
                )
        self.settings(), self.dialect(), self.missing()  # check the others

    @property
    def paths(self) -> dict[str, str]:
        """The files that ``resolve`` opens, by the name of the option."""
        named = {"data": self.path, "test_data": self.test_data}
        if is_file_of_targets(self.path, (self.target, *self.more_targets)):
            named["target"] = self.target
        return {name: path for name, path in named.items() if path is not None}

    def with_paths(self, paths: Mapping[str, str]) -> TableSource:
        """Return the source with other files, by the name of the option, or another target.

        Raises:
            NumleanError: The source has no file under such a name.
        """
        _check_names(paths, (*self.paths, "target"))
        fields: dict[str, Any] = {_FIELDS.get(name, name): path for name, path in paths.items()}
        return replace(self, **fields)

    def settings(self) -> TableSettings:
        """Return the settings of the table's task, defaults filled in."""
        share = None if self.test_share is None else parse_share(self.test_share)
        given = {
            "test_share": share,
            "split_seed": self.split_seed,
            "standardise": self.standardise,
            "hidden": self.hidden,
            "activation": self.activation,
            "impute": self.impute,
        }
        return TableSettings(**_without_none(given))

    def dialect(self) -> CsvDialect:
        """Return how a text file separates cells and writes numbers, defaults filled in."""
        names = ("delimiter", "decimal", "thousands", "encoding", "comment")
        return CsvDialect(**_without_none({name: getattr(self, name) for name in names}))

    def missing(self) -> MissingValues:
        """Return what stands for a missing value, and what becomes of it."""
        return MissingValues(self.na_values, self.impute, self.drop_missing)

    def resolve(self) -> NamedTask:
        """Return the task of predicting the target.

        Raises:
            NumleanError: The file cannot be read, or does not match the description.
        """
        reading = {"key": self.key, "kind": self.kind, "header": self.header}
        table = read_table(
            self.path,
            (self.target, *self.more_targets),
            categorical=self.categorical,
            drop=self.drop,
            dialect=self.dialect(),
            missing=self.missing(),
            test_path=self.test_data,
            **_without_none(reading),
        )
        return table_task(table, self.settings())


def parse_share(text: str) -> Fraction:
    """Return a fraction of the rows, such as 0.2 or 1/5.

    Raises:
        NumleanError: The text is not a number.
    """
    try:
        if not _LARGE_EXPONENT.search(text):
            return Fraction(text)
    except (ValueError, ZeroDivisionError):
        pass
    raise NumleanError(f"expected a fraction of the rows such as 0.2, got {text!r:.80}")


def _check_path(option: str, path: str | None) -> None:
    if path is not None and "\0" in path:
        raise NumleanError(f"{option} {path!r:.80}: the name of a file has no null characters")


def _check_names(paths: Iterable[str], known: Collection[str]) -> None:
    for name in paths:
        if name not in known:
            raise NumleanError(f"{option_of(name)}: the recipe of this file names no such file")


def option_of(name: str) -> str:
    """Return the option on the command line that has a name in Python."""
    return f"--{name.replace('_', '-')}"


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
