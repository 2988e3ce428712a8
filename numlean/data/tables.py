"""Reading inputs and targets from a table in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from numlean.data import npz_file
from numlean.data.csv_file import CsvTable, read_csv
from numlean.data.dataset import Floats
from numlean.data.npz_file import input_key, read_npz
from numlean.data.targets import Target, number_target, text_target
from numlean.errors import DataError

_TEXT_SUFFIXES: Final = (".csv", ".tsv", ".txt")
_EMPTY_ONLY: Final = frozenset({""})
_COMPLETE: Final = "fill in the value or delete the row"
_LEAVE_OUT: Final = f"{_COMPLETE}, or drop the column with --drop {{column}}"
_ENCODE: Final = (
    "pass --categorical {column} to encode the column one-hot, or --drop {column} to drop it"
)


@dataclass(frozen=True)
class Table:
    """The inputs and targets of a file.

    Attributes:
        path: The file.
        inputs: Numbers of shape (n, ...).
        target: The n targets.
        input_name: A description of the inputs.
        target_name: The column or key of the targets.
    """

    path: str
    inputs: Floats
    target: Target
    input_name: str
    target_name: str


def read_table(
    path: str,
    target: str,
    *,
    key: str | None = None,
    kind: str | None = None,
    categorical: Sequence[str] = (),
    drop: Sequence[str] = (),
    header: str = "auto",
) -> Table:
    """Read inputs and targets from a text file (.csv, .tsv, .txt) or a numpy archive (.npz).

    Args:
        path: The file.
        target: The column or the key to predict.
        key: The array of inputs, for an archive; by default the only other array, or ``x``.
        kind: "regression" or "classification"; by default chosen from the target's values.
        categorical: The columns to encode one-hot, for a text file.
        drop: The columns to drop, for a text file.
        header: Whether the first row names the columns, for a text file: yes, no or auto.

    Raises:
        DataError: The file is not as described, with row and column where there is one.
        UnknownNameError: There is no such column.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        if categorical or drop or header != "auto":
            raise DataError(f"{path}: archives have no columns; leave out the options for columns")
        return _of_archive(path, target, key, kind)
    if suffix not in _TEXT_SUFFIXES:
        raise DataError(
            f"{path}: the name of a table must end in {', '.join(_TEXT_SUFFIXES)} or .npz"
        )
    if key is not None:
        raise DataError(
            f"{path}: only archives have keys; the inputs of a text file are its other columns"
        )
    return _of_text(read_csv(path, header=header), target, kind, categorical, drop)


def _of_text(
    table: CsvTable,
    target: str,
    kind: str | None,
    categorical: Sequence[str],
    drop: Sequence[str],
) -> Table:
    goal = table.index(target)
    one_hot = {table.index(column) for column in categorical}
    dropped = {table.index(column) for column in drop}
    for column, others in ((goal, one_hot | dropped), *((k, dropped) for k in one_hot)):
        if column in others:
            raise DataError(
                f"{table.path}: column {table.names[column]!r} is used twice; name it in one option"
            )
    chosen = [k for k in range(len(table.names)) if k != goal and k not in dropped]
    if not chosen:
        raise DataError(
            f"{table.path}: the table needs a column of inputs besides the target; separate columns"
            " by commas, semicolons or tabs"
        )
    _check_named(table, chosen)
    blocks = [_one_hot(table, k) if k in one_hot else _numbers(table, k) for k in chosen]
    inputs = np.ascontiguousarray(np.concatenate(blocks, axis=1))
    named = f"{len(chosen)} column{'s' * (len(chosen) > 1)}"
    return Table(table.path, inputs, _text_or_numbers(table, goal, kind), named, table.names[goal])


def _numbers(table: CsvTable, index: int) -> Floats:
    is_text = not table.is_numeric(index)
    return table.numbers(index, _ENCODE if is_text else _LEAVE_OUT).reshape(-1, 1)


def _one_hot(table: CsvTable, index: int) -> Floats:
    texts = np.array(table.texts(index, _LEAVE_OUT, missing=_EMPTY_ONLY), dtype=np.str_)
    categories, numbers = np.unique(texts, return_inverse=True)
    return np.eye(len(categories))[numbers.reshape(-1)]


def _text_or_numbers(table: CsvTable, index: int, kind: str | None) -> Target:
    if table.is_numeric(index):
        return number_target(table.numbers(index, _COMPLETE), kind)
    if kind == "regression":
        table.numbers(index, "text can only be classes: pass --kind classification")
    return text_target(table.texts(index, _COMPLETE))


def _check_named(table: CsvTable, chosen: Sequence[int]) -> None:
    for index in chosen:
        if not table.names[index]:
            raise DataError(
                f"{table.path}: column {index + 1} has no name; give it a name, or drop it with"
                f" --drop {index + 1} if it is an index of the rows"
            )


def _of_archive(path: str, target: str, key: str | None, kind: str | None) -> Table:
    arrays = read_npz(path)
    key = input_key(path, arrays, target, key)
    for name in (key, target):
        if arrays[name].ndim == 0 or arrays[name].size == 0:
            raise DataError(
                f"{path}, key {name!r}: the array of shape {arrays[name].shape} has no samples"
            )
    inputs, goal = npz_file.numbers(path, key, arrays[key]), arrays[target]
    if len(inputs) != len(goal):
        raise DataError(
            f"{path}: {key!r} has {len(inputs)} rows but {target!r} {len(goal)}; their shapes are"
            f" {inputs.shape} and {goal.shape}"
        )
    inputs = inputs.reshape(len(inputs), -1) if inputs.ndim == 1 else inputs
    return Table(path, inputs, _classes_or_numbers(path, target, goal, kind), key, target)


def _classes_or_numbers(path: str, key: str, goal: npz_file.Array, kind: str | None) -> Target:
    if goal.dtype.kind != "U":
        return number_target(npz_file.numbers(path, key, goal), kind)
    if kind == "regression":
        raise DataError(
            f"{path}, key {key!r}: text can only be classes: pass --kind classification"
        )
    if goal.size != len(goal):
        raise DataError(f"{path}, key {key!r}: classes must be one column, got shape {goal.shape}")
    cells = [text.strip() for text in goal.reshape(-1).tolist()]
    if "" in cells:
        raise DataError(f"{path}, key {key!r}: row {cells.index('')} (from 0) is an empty text")
    return text_target(cells)
