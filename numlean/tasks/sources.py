"""Model and data of a run, as a recipe requests them: a task by name, or a table."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from numlean.data.tables import read_table
from numlean.data.text_file import read_text
from numlean.errors import DataError, NumleanError
from numlean.tasks.named import NamedTask, get_task
from numlean.tasks.table import TableSettings, table_task


@dataclass(frozen=True)
class TaskName:
    """A task by name.

    Attributes:
        name: One of ``task_names()``.
        text: The text file that a language model is trained on; None for the task's own text.
    """

    name: str
    text: str | None = None

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
        try:
            return task.on_text(read_text(self.text))
        except DataError as error:
            raise DataError(f"--text {self.text}: {error}") from None


@dataclass(frozen=True)
class TableSource:
    """A user's own table, and the model trained on it; None stands for the default.

    Attributes:
        path: The file.
        target: The column or key to predict.
        key: The array of inputs in a .npz file.
        kind: "regression" or "classification".
        categorical: Columns to encode one-hot.
        drop: Columns to leave out.
        header: Whether the first row contains the names of the columns: auto, yes or no.
        test_share: The fraction of rows held out for testing, as text.
        split_seed: The seed of the train/test split.
        standardise: Where inputs are standardised; see ``numlean.tasks.table``.
        hidden: The widths of the hidden layers.
        activation: The activation function of the hidden layers.

    Raises:
        NumleanError: ``test_share`` is not a number, or a width is not positive.
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

    def __post_init__(self) -> None:
        if self.test_share is not None:
            parse_share(self.test_share)
        if self.hidden is not None and not all(width > 0 for width in self.hidden):
            raise NumleanError(f"widths of hidden layers must be positive, got {self.hidden}")
        self.settings()

    def settings(self) -> TableSettings:
        """Return what is done with the table, defaults filled in."""
        share = None if self.test_share is None else parse_share(self.test_share)
        given = {
            "test_share": share,
            "split_seed": self.split_seed,
            "standardise": self.standardise,
            "hidden": self.hidden,
            "activation": self.activation,
        }
        return TableSettings(**_without_none(given))

    def resolve(self) -> NamedTask:
        """Return the task of predicting the target.

        Raises:
            NumleanError: The file cannot be read, or does not match the description.
        """
        reading = {"key": self.key, "kind": self.kind, "header": self.header}
        table = read_table(
            self.path,
            self.target,
            categorical=self.categorical,
            drop=self.drop,
            **_without_none(reading),
        )
        return table_task(table, self.settings())


def parse_share(text: str) -> Fraction:
    """Return a fraction of the rows, such as 0.2 or 1/5.

    Raises:
        NumleanError: The text is not a number.
    """
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise NumleanError(f"expected a fraction of the rows such as 0.2, got {text!r}") from None


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
