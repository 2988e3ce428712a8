"""Inputs and targets from the columns of a text file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from numlean.data.csv_table import MIXED, NUMBERS, Advice, CsvTable
from numlean.data.dataset import Floats
from numlean.data.input_file import naming_file
from numlean.data.labels import Labels, labels_of_texts
from numlean.data.missing import MISSING_WORDS
from numlean.data.size_limit import FLOAT_SIZE, check_size
from numlean.data.table import Table, count_of, dropped_note
from numlean.data.targets import (
    CLASSIFICATION,
    REGRESSION,
    Target,
    are_classes,
    class_target,
    columns_target,
    regression_target,
    text_target,
)
from numlean.display_text import printable
from numlean.errors import DataError

_COMPLETE: Final = "fill in the value, or delete the row (--drop-missing deletes all such rows)"


@dataclass(frozen=True)
class _Columns:
    """The columns of a table by their role, as indices."""

    goals: tuple[int, ...]
    inputs: tuple[int, ...]
    one_hot: frozenset[int]

    def has_texts(self, table: CsvTable, index: int, kind: str | None) -> bool:
        """Return whether a column is read as texts."""
        if index in self.one_hot:
            return True
        if index not in self.goals or len(self.goals) > 1 or kind == REGRESSION:
            return False
        found = table.kind(index)
        return found != NUMBERS and (found != MIXED or kind == CLASSIFICATION)


def table_of_csv(
    table: CsvTable,
    targets: Sequence[str],
    kind: str | None,
    categorical: Sequence[str],
    drop: Sequence[str],
) -> Table:
    """Return the inputs and targets of a text file.

    Args:
        table: The cells.
        targets: The columns to predict.
        kind: One of ``numlean.data.targets.KINDS``; None to choose it.
        categorical: The columns whose cells are compared as texts: inputs are encoded one-hot.
        drop: The columns to leave out.

    Raises:
        DataError: A cell, or a column, is not as described.
        UnknownNameError: There is no such column.
    """
    columns = _columns(table, targets, categorical, drop)
    used = columns.goals + columns.inputs
    texts = frozenset(k for k in used if columns.has_texts(table, k, kind))
    before = len(table.rows)
    if table.missing.drop_rows:
        table = table.without_rows({k for c in used for k in table.gaps(c, texts=c in texts)})
    blocks: list[Floats] = []
    size = 0
    for k in columns.inputs:
        blocks.append(_one_hot(table, k) if k in columns.one_hot else _numbers(table, k))
        size += blocks[-1].nbytes
        check_size(f"{table.path}: the inputs as binary64 numbers", size)
    with naming_file(table.path, table.test_path):
        target = _target(table, columns, kind, texts)
    ends = np.cumsum([block.shape[1] for block in blocks]).tolist()
    notes = ["no header, as the first row contains a number"] * table.header_is_guessed
    return Table(
        table.path,
        np.ascontiguousarray(np.concatenate(blocks, axis=1)),
        target,
        count_of(len(columns.inputs), "column"),
        ", ".join(printable(table.names[k]) for k in columns.goals),
        table.test_size if table.test_path else None,
        tuple(
            slice(end - block.shape[1], end)
            for k, block, end in zip(columns.inputs, blocks, ends, strict=True)
            if k in columns.one_hot
        ),
        (*notes, *dropped_note(before - len(table.rows))),
    )


def _columns(
    table: CsvTable, targets: Sequence[str], categorical: Sequence[str], drop: Sequence[str]
) -> _Columns:
    if len(table.names) == 1:
        raise _no_inputs(table)
    goals = tuple(table.index(column) for text in targets for column in _split(table, text))
    one_hot = frozenset(table.index(column) for column in categorical)
    dropped = {table.index(column) for column in drop}
    for index in (*goals, *one_hot):
        if index in dropped or goals.count(index) > 1:
            raise DataError(
                f"{table.path}: column {table.names[index]!r:.80} is used twice; name it in one"
                " option"
            )
    chosen = tuple(k for k in range(len(table.names)) if k not in dropped and k not in goals)
    if not chosen:
        raise _no_inputs(table)
    for index in chosen:
        if not table.names[index]:
            raise DataError(
                f"{table.path}: column {index + 1} has no name; give it a name, or drop it with"
                f" --drop {index + 1} if it is an index of the rows"
            )
    if len(goals) > 1 and one_hot.intersection(goals):
        raise DataError(f"{table.path}: several targets are numbers; leave out --categorical")
    return _Columns(goals, chosen, one_hot)


def _split(table: CsvTable, text: str) -> Sequence[str]:
    """Return the columns of a list separated by commas, or the text itself."""
    parts = text.split(",")
    return parts if text not in table.names and set(parts) <= set(table.names) else [text]


def _no_inputs(table: CsvTable) -> DataError:
    return DataError(
        f"{table.path}: the table needs a column of inputs besides the target; if its columns are"
        " not separated by commas, semicolons, tabs or |, pass --delimiter"
    )


def _numbers(table: CsvTable, index: int) -> Floats:
    column = table.option(index)
    advice = Advice(
        missing=f"{_COMPLETE}, pass --impute to replace the values, or drop the column with"
        f" --drop {column}",
        text=f"pass --categorical {column} to encode the column one-hot, or --drop {column} to drop"
        " it",
    )
    is_imputed = table.missing.impute is not None
    return table.floats(index, advice, gaps=is_imputed).reshape(-1, 1)


def _one_hot(table: CsvTable, index: int) -> Floats:
    """Return a column of shape (n, categories), with NaNs for missing values to be imputed."""
    fix = f"{_COMPLETE}, pass --impute, or drop the column with --drop {table.option(index)}"
    gaps = set(table.gaps(index, texts=True)) if table.missing.impute is not None else set()
    cells = [row[index] for row in table.rows] if gaps else table.texts(index, Advice(fix, fix))
    known = [k for k in range(len(cells)) if k not in gaps]
    categories = sorted({cells[k] for k in known if k < table.train_size})
    if not categories:
        raise DataError(
            f"{table.path}: column {table.names[index]!r:.80} has no value; drop it with --drop"
            f" {table.option(index)}"
        )
    place = {text: k for k, text in enumerate(categories)}
    _check_known(table, index, [k for k in known if cells[k] not in place])
    check_size(
        f"{table.path}: column {table.names[index]!r:.80}, one-hot in {len(categories):,} columns",
        len(cells) * len(categories) * FLOAT_SIZE,
    )
    block = np.full((len(cells), len(categories)), np.nan)
    block[known] = 0.0
    block[known, [place[cells[k]] for k in known]] = 1.0
    return block


def _target(table: CsvTable, columns: _Columns, kind: str | None, texts: Collection[int]) -> Target:
    goals, one_hot = columns.goals, columns.one_hot
    if len(goals) > 1:
        values = np.stack([table.floats(k, _advice(table, k)) for k in goals], axis=1)
        return columns_target(values, kind, [table.names[k] for k in goals])
    (goal,) = goals
    advice = _advice(table, goal)
    if goal in texts:
        if kind == REGRESSION:
            raise DataError(
                f"{table.path}: --categorical {table.option(goal)} and --kind regression contradict"
                " each other; leave one out"
            )
        labels = labels_of_texts(table.texts(goal, advice))
        _check_classes(table, goal, labels)
        is_requested = kind is not None or goal in one_hot
        return text_target(labels, is_requested=is_requested, note=_words_note(labels))
    labels = table.labels(goal, advice)
    if are_classes(labels, kind):
        _check_classes(table, goal, labels)
        return class_target(labels, kind)
    return regression_target(table.floats(goal, advice), labels, kind)


def _advice(table: CsvTable, goal: int) -> Advice:
    return Advice(
        missing=f"{_COMPLETE}, or pass --categorical {table.option(goal)} if it names a class",
        text="pass --kind classification if its texts are classes",
    )


def _check_classes(table: CsvTable, goal: int, labels: Labels) -> None:
    known = frozenset(labels.numbers[: table.train_size].tolist())
    rows = range(table.train_size, len(table.rows))
    _check_known(table, goal, [k for k in rows if int(labels.numbers[k]) not in known])


def _check_known(table: CsvTable, index: int, rows: Sequence[int]) -> None:
    if rows:
        what = f"{table.rows[rows[0]][index]!r:.80} does not occur in {table.path}"
        fix = "delete the row from the test data, or add one with this text to the training data"
        raise table.error(rows, index, what, fix)


def _words_note(labels: Labels) -> str:
    word = next((name for name in labels.classes if name.lower() in MISSING_WORDS), None)
    if word is None:
        return ""
    return f", one of them {word!r} (--na-values {word} reads it as a missing value)"
